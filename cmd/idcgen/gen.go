package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/xenidc/idc/cmd/idcgen/internal/gen"
	"github.com/xenidc/idc/idl"
)

// genCmd is `idcgen gen`.
type genCmd struct {
	Out          string   `short:"o" required:"" placeholder:"DIR" help:"Where the Go package goes; made if it isn't there."`
	RequireStubs bool     `help:"Fail, and write nothing, if a protocol gets types and codecs only."`
	Check        bool     `help:"Write nothing; list the files that would change and exit 1 if there are any."`
	JSON         bool     `help:"Print diagnostics as JSON, one per line."`
	Files        []string `arg:"" help:"Protocol files."`
}

// Help is shown by `idcgen gen --help`.
func (genCmd) Help() string {
	return "A protocol that the runtime can't carry whole gets types and codecs, and no stubs: notes say because of what. Files that don't change are not touched. Nothing is written if any protocol has a mistake.\n\nExamples:\n  idcgen gen -o generated/blk protocols/blk.idc\n  //go:generate go tool idcgen gen --require-stubs -o . kv.idc"
}

// Run generates.
func (c *genCmd) Run(s *streams) error {
	ps, diags, sources, err := compile(c.Files, idl.Compile)
	if err != nil {
		return err
	}
	if diags.Len() > 0 {
		if err := s.report(diags, c.JSON, sources); err != nil {
			return err
		}
	}
	if diags.Failed() || c.RequireStubs && stubless(ps) {
		return errFound
	}
	var files []gen.File
	for i, p := range ps {
		out, err := gen.Generate(p, filepath.Base(c.Files[i]))
		if err != nil {
			return fmt.Errorf("generate from %s: %w", c.Files[i], err)
		}
		files = append(files, out...)
		if !gen.Stubs(p) {
			fmt.Fprintf(s.err, "%s: types and codecs only, no stubs: the notes above say why\n", c.Files[i])
		}
	}
	if c.Check {
		return c.check(s, files)
	}
	return c.write(files)
}

func (c *genCmd) write(files []gen.File) error {
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("make the package's directory: %w", err)
	}
	for _, f := range files {
		if _, err := writeIfChanged(filepath.Join(c.Out, f.Name), f.Content); err != nil {
			return err
		}
	}
	return nil
}

func (c *genCmd) check(s *streams, files []gen.File) error {
	stale := false
	for _, f := range files {
		path := filepath.Join(c.Out, f.Name)
		if old, err := os.ReadFile(path); err != nil || !bytes.Equal(old, f.Content) {
			fmt.Fprintln(s.out, path)
			stale = true
		}
	}
	if stale {
		return errFound
	}
	return nil
}
