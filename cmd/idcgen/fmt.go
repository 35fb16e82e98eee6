package main

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/format"
)

// fmtCmd is `idcgen fmt`.
type fmtCmd struct {
	List  bool     `short:"l" help:"List the files whose formatting differs; exit 1 if there are any."`
	Diff  bool     `short:"d" help:"Show what would change; exit 1 if anything would."`
	Write bool     `short:"w" help:"Write the result to the file instead of the output."`
	Files []string `arg:"" optional:"" help:"Protocol files; none or - for the input."`
}

// Help is shown by `idcgen fmt --help`.
func (fmtCmd) Help() string {
	return "A file that doesn't parse is left alone.\n\nExamples:\n  idcgen fmt -w protocols/blk.idc\n  idcgen fmt -l protocols/*.idc\n  idcgen fmt - < draft.idc"
}

// Run formats the files.
func (c *fmtCmd) Run(s *streams) error {
	files := c.Files
	if len(files) == 0 {
		files = []string{stdin}
	}
	if c.Write && slices.Contains(files, stdin) {
		return usageError{errors.New("--write: there is no file to write standard input's text to")}
	}
	var failed error
	for _, path := range files {
		src, name, err := s.read(path)
		if err == nil {
			err = c.one(s, name, src, c.Write)
		} else {
			fmt.Fprintln(s.err, "idcgen:", err)
			err = errFound
		}
		if err != nil {
			failed = err
		}
	}
	return failed
}

func (c *fmtCmd) one(s *streams, path string, src []byte, write bool) error {
	var diags diag.List
	out := format.Source(path, src, &diags)
	if out == nil {
		if err := s.report(&diags, false, map[string]string{path: string(src)}); err != nil {
			return err
		}
		return errFound
	}
	differs := !bytes.Equal(src, out)
	if differs && c.List {
		fmt.Fprintln(s.out, path)
	}
	if differs && c.Diff {
		if _, err := s.out.Write(diff.Diff(path+".orig", src, path, out)); err != nil {
			return err
		}
	}
	if write {
		_, err := writeIfChanged(path, out)
		return err
	}
	if !c.List && !c.Diff {
		_, err := s.out.Write(out)
		return err
	}
	if differs {
		return errFound
	}
	return nil
}
