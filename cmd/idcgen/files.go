package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xenidc/idc/idl/diag"
)

// report writes diagnostics to the error output, or as JSON to the output.
func (s *streams) report(diags *diag.List, asJSON bool, sources map[string]string) error {
	if n := diags.Dropped(); n > 0 {
		defer fmt.Fprintf(s.err, "\nidcgen: and %d more; mend some of these first\n", n)
	}
	if asJSON {
		return diag.RenderJSON(s.out, diags.Items())
	}
	return diag.Render(s.err, diags.Items(), func(file string) string { return sources[file] })
}

// writeIfChanged makes a file hold content. A file that does already is not touched, so that its time tells the truth;
// another is replaced at once, so that nobody sees half of it. It tells whether it wrote.
func writeIfChanged(path string, content []byte) (bool, error) {
	mode := fs.FileMode(0o644)
	old, err := os.ReadFile(path)
	switch {
	case err == nil && bytes.Equal(old, content):
		return false, nil
	case err == nil:
		if info, err := os.Stat(path); err == nil {
			mode = info.Mode().Perm()
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, fmt.Errorf("read what is there: %w", err)
	}
	return true, replace(path, content, mode)
}

func replace(path string, content []byte, mode fs.FileMode) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
