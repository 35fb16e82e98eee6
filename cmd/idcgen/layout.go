package main

import (
	"encoding/json"

	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/idl/schema"
)

// layoutCmd is `idcgen layout`.
type layoutCmd struct {
	ABI  string `enum:"all,x86_64,x86_32,arm" default:"all" help:"Show only this ABI: x86_64, x86_32 or arm."`
	JSON bool   `help:"Print it as JSON."`
	File string `arg:"" help:"A protocol file; - for the input."`
}

// Help is shown by `idcgen layout --help`.
func (layoutCmd) Help() string {
	return "Offsets and sizes are in bytes. A column of offsets is named after its ABI, or `all` where they agree.\n\nExamples:\n  idcgen layout protocols/blk.idc\n  idcgen layout --abi x86_32 --json protocols/blk.idc"
}

// Run shows the layout.
func (c *layoutCmd) Run(s *streams) error {
	ps, diags, sources, err := s.compile([]string{c.File}, idl.Compile)
	if err != nil {
		return err
	}
	if diags.Failed() {
		if err := s.report(diags, false, sources); err != nil {
			return err
		}
		return errFound
	}
	l := layout.Of(ps[0], c.abis())
	if !c.JSON {
		return l.Write(s.out)
	}
	enc := json.NewEncoder(s.out)
	enc.SetIndent("", "  ")
	return enc.Encode(l)
}

func (c *layoutCmd) abis() []schema.ABI {
	if one, ok := schema.ABIByName(c.ABI); ok {
		return []schema.ABI{one}
	}
	return schema.ABIs[:]
}
