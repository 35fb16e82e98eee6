package main

import (
	"slices"

	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/stubs"
)

// vetCmd is `idcgen vet`.
type vetCmd struct {
	JSON         bool     `help:"Print the diagnostics as JSON, one per line."`
	RequireStubs bool     `help:"Fail if a protocol gets types and codecs only."`
	Files        []string `arg:"" help:"Protocol files; - for the input."`
}

// Help is shown by `idcgen vet --help`.
func (vetCmd) Help() string {
	return "Errors and warnings make it fail. Notes, such as why a protocol gets no stubs, don't.\n\nExamples:\n  idcgen vet protocols/*.idc\n  idcgen vet --json draft.idc"
}

// Run checks the files.
func (c *vetCmd) Run(s *streams) error {
	ps, diags, sources, err := s.compile(c.Files, idl.Vet)
	if err != nil {
		return err
	}
	if diags.Len() == 0 {
		return nil
	}
	if err := s.report(diags, c.JSON, sources); err != nil {
		return err
	}
	if diags.Clean() && !(c.RequireStubs && stubless(ps)) {
		return nil
	}
	return errFound
}

// stubless reports whether some protocol gets no stubs.
func stubless(ps []*schema.Protocol) bool {
	return slices.ContainsFunc(ps, func(p *schema.Protocol) bool { return len(stubs.Missing(p)) > 0 })
}

// compile reads and compiles files; the protocols are in their order.
func (s *streams) compile(files []string, with func(string, []byte) (*schema.Protocol, *diag.List)) ([]*schema.Protocol, *diag.List,
	map[string]string, error) {
	all, sources := &diag.List{}, map[string]string{}
	var protocols []*schema.Protocol
	for _, path := range files {
		src, name, err := s.read(path)
		if err != nil {
			return nil, nil, nil, err
		}
		p, diags := with(name, src)
		all.Append(diags)
		sources[name] = string(src)
		protocols = append(protocols, p)
	}
	return protocols, all, sources, nil
}
