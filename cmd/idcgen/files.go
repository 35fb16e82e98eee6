package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/xenidc/idc/idl/diag"
)

// stdin is the name of a file that stands for standard input, and how it is called in what is said about it.
const (
	stdin     = "-"
	stdinName = "<stdin>"
)

// read returns a file's text, or standard input's, and the name to call it by.
func (s *streams) read(path string) (text []byte, name string, err error) {
	if path == stdin {
		text, err = io.ReadAll(s.in)
		name = stdinName
	} else {
		text, err = os.ReadFile(path)
		name = path
	}
	if err != nil {
		return nil, name, fmt.Errorf("read protocol: %w", err)
	}
	return text, name, nil
}

// report writes diagnostics to the error output, or as JSON to the output.
func (s *streams) report(diags *diag.List, asJSON bool, sources map[string]string) (err error) {
	if asJSON {
		err = diag.RenderJSON(s.out, diags.Items())
	} else {
		err = diag.Render(s.err, diags.Items(), func(file string) string { return sources[file] })
	}
	if n := diags.Dropped(); n > 0 && err == nil {
		_, err = fmt.Fprintf(s.err, "\nidcgen: and %d more; mend some of these first\n", n)
	}
	return err
}

// writeIfChanged makes a file hold content. A file that does already is not touched, so that its time tells the truth;
// another is replaced at once, so that nobody sees half of it, and keeps its mode. A symbolic link stays, and what it leads to
// is written. It tells whether it wrote.
func writeIfChanged(path string, content []byte) (bool, error) {
	path, err := target(path)
	if err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return true, create(path, content)
	}
	if err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return false, fmt.Errorf("write %s: it is no regular file", path)
	}
	old, err := os.ReadFile(path)
	switch {
	case err != nil:
		return false, fmt.Errorf("read what is there: %w", err)
	case bytes.Equal(old, content):
		return false, nil
	}
	return true, replace(path, content, info.Mode().Perm())
}

// target is where a path leads, when all symbolic links at its end are followed. There needn't be a file.
func target(path string) (string, error) {
	for range 40 { // as many as Linux follows
		next, err := os.Readlink(path)
		if err != nil {
			return path, nil // no link; what else may be wrong will show
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return path, errors.New("too many symbolic links")
}

// create makes a file that isn't there, with the mode that the user's umask leaves.
func create(path string, content []byte) error {
	return swap(path, content, func(*os.File) error { return nil })
}

// replace gives a file another content. Who may not write it may not replace it either.
func replace(path string, content []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return swap(path, content, func(tmp *os.File) error { return tmp.Chmod(mode) })
}

// swap writes a new file beside path, and gives it that name when it is whole.
func swap(path string, content []byte, prepare func(*os.File) error) (err error) {
	tmp, err := temporary(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(tmp.Name()))
		}
	}()
	_, err = tmp.Write(content)
	err = errors.Join(err, prepare(tmp), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	return err
}

// temporary is os.CreateTemp, but for the mode, which is that of any new file.
func temporary(path string) (*os.File, error) {
	for {
		name := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.%d", filepath.Base(path), rand.Uint32()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
