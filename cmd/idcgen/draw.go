package main

import (
	"github.com/xenidc/idc/idl"
	"github.com/xenidc/idc/idl/draw"
)

// drawCmd is `idcgen draw`.
type drawCmd struct {
	File string `arg:"" help:"A protocol file; - for the input."`
}

// Help is shown by `idcgen draw --help`.
func (drawCmd) Help() string {
	return "Structs, rings, forms and keys that the compiler chose appear as a person could have drawn them. What is printed is a protocol file of its own, with the same layout: the quickest way to learn how to draw.\n\nExamples:\n  idcgen draw examples/kv/kv.idc\n  idcgen draw kv.idc > drawn.idc"
}

// Run draws the protocol.
func (c *drawCmd) Run(s *streams) error {
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
	text, err := draw.Protocol(ps[0])
	if err == nil {
		_, err = s.out.Write(text)
	}
	return err
}
