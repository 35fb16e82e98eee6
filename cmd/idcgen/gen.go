package main

import (
	"fmt"
	"go/token"

	"github.com/xenidc/idc/idl"
)

// genCmd is `idcgen gen`.
type genCmd struct {
	Out          string   `short:"o" required:"" placeholder:"DIR" help:"Where the Go package goes; made if it isn't there."`
	Package      string   `placeholder:"NAME" help:"Call the Go package so, and not as the protocol."`
	RequireStubs bool     `help:"Fail, and write nothing, if a protocol gets types and codecs only."`
	Check        bool     `help:"Write nothing; list the files that would change and exit 1 if there are any."`
	JSON         bool     `help:"Print diagnostics as JSON, one per line."`
	Files        []string `arg:"" name:"file" help:"A protocol file. A package holds one protocol."`
}

// Help is shown by `idcgen gen --help`.
func (genCmd) Help() string {
	return "A protocol that the runtime can't carry whole gets types and codecs, and no stubs: notes say because of what. Files that don't change are not touched. Nothing is written if the protocol has a mistake. What an earlier run made of the same file under another name is removed.\n\nExamples:\n  idcgen gen -o generated/blk protocols/blk.idc\n  //go:generate go tool idcgen gen --require-stubs -o . kv.idc"
}

// Validate looks at the flags.
func (c *genCmd) Validate() error {
	if c.Package != "" && (!token.IsIdentifier(c.Package) || c.Package == "_") {
		return fmt.Errorf("--package: %q is no name of a Go package", c.Package)
	}
	return nil
}

// Run generates.
func (c *genCmd) Run(s *streams) error {
	ps, diags, sources, err := s.compile(c.Files, idl.Compile)
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
	if len(c.Files) > 1 {
		return usageError{fmt.Errorf("%s holds one protocol, not %d: give each a directory of its own", c.Out, len(c.Files))}
	}
	return c.generate(s, ps[0], c.Files[0])
}
