// Package gen writes Go stubs for a protocol.
//
// What it writes imports the standard library and runtime/idc, and is meant to be
// read: types and keys first, then the layout of the ring's slots, then the front
// end, then the back end. Each concept has a file here:
//
//	types.go     units, constants, enums, bits
//	keys.go      what each end publishes
//	protocol.go  what the runtime is told
//	record.go    private images of slots, and their encoding; value.go: of one field
//	segment.go   the pieces of pages that carry bulk data
//	front.go     calls; encode.go: how a call becomes a request
//	back.go      the interface that a driver implements; match.go: which request it is
//	tests.go     the tests that come with the stubs
//
// Code is written as Go text, line by line, and handed to jennifer, which keeps the
// imports and the format; see code.go.
package gen

import (
	"errors"
	"fmt"

	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/stubs"
)

// File is one generated file; Name is relative to the package's directory.
type File struct {
	Name    string
	Content []byte
}

// generator holds what the parts of one protocol's stubs share.
type generator struct {
	p       *schema.Protocol
	source  string
	pkg     string
	abis    []schema.ABIName // numbered by position, as in idc.Protocol
	whole   bool             // stubs, and not only types and codecs
	out     *code
	structs map[*schema.Struct]bool // that have an image
	args    []arg
	dones   []string // types of callbacks, in the order of their fields
}

// Generate returns the files of the Go package for a protocol. source is the name
// of the protocol file, for the header, and pkg the package's. The result depends on
// nothing else.
func Generate(p *schema.Protocol, source, pkg string) ([]File, error) {
	g := newGenerator(p, source, pkg)
	if err := g.check(); err != nil {
		return nil, err
	}
	var tests []byte
	var bad error
	rendered := make(chan struct{})
	go func() { // formatting takes most of the time: do both at once
		defer close(rendered)
		tests, bad = newGenerator(p, source, pkg).tests()
	}()
	stubs, err := g.stubs()
	<-rendered
	if err := errors.Join(err, bad); err != nil {
		return nil, err
	}
	return []File{{p.Name + ".idc.go", stubs}, {p.Name + ".idc_test.go", tests}}, nil
}

func newGenerator(p *schema.Protocol, source, pkg string) *generator {
	g := &generator{p: p, source: source, pkg: pkg, structs: map[*schema.Struct]bool{}}
	g.abis = p.Device.Names
	if p.Device.Independent || len(g.abis) == 0 {
		g.abis = []schema.ABIName{{ABI: schema.X86_64}}
	}
	g.whole = Stubs(p)
	g.collectStructs()
	g.collectArgs()
	return g
}

// Stubs reports whether p gets stubs, and not only types and codecs, because the
// runtime can carry it.
func Stubs(p *schema.Protocol) bool { return len(stubs.Missing(p)) == 0 }

// check refuses what the stubs couldn't express.
func (g *generator) check() error {
	if !g.whole {
		return nil
	}
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			if len(f.Segments) > 0 && f.Segments[0].Pages == 0 && len(t.Forms) > 1 && f.Segments[0].Max != g.direct() {
				return fmt.Errorf("transaction %s: its direct form has room for %d segments, another's for %d", t.Name, f.Segments[0].Max, g.direct())
			}
		}
	}
	return nil
}

// stubs renders the main file.
func (g *generator) stubs() ([]byte, error) {
	g.out = newCode(g.pkg, g.source)
	if !g.whole {
		g.out.doc("The protocol's types and the encoding of its slots. There are no stubs: they take one\nring without one-way messages, and one bulk argument of bytes a transaction.")
		g.out.line("")
	}
	g.out.line("// A compile error here means that this file and the package idc don't fit")
	g.out.line("// together: run idcgen again, or use the version of idc that idcgen came with.")
	g.out.line("const _ = idc.Version1")
	g.out.line("")
	g.units()
	g.consts()
	g.enums()
	g.bits()
	if !g.whole {
		g.records()
		g.unions()
		return g.out.render()
	}
	g.keys(schema.Back)
	g.keys(schema.Front)
	g.protocol()
	g.records()
	g.unions()
	g.segments()
	g.front()
	g.back()
	return g.out.render()
}
