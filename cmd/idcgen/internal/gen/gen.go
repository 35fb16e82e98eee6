// Package gen writes Go stubs for a protocol.
//
// What it writes imports the standard library and runtime/idc, and is meant to be read: types and keys first, then the front
// end, then the back end. Each concept has a file here:
//
//	types.go      what a type of the protocol is in Go; enums.go, bits.go, record.go, union.go: their declarations
//	place.go      where a path leads on an ABI: the one way from a path to bytes
//	load.go       values out of bytes; store.go: values into them; write.go: those of a whole slot
//	keys.go       what each end publishes; readkeys.go: reading and checking it
//	protocol.go   what the runtime is told
//	segment.go    the pieces of pages that carry bulk data
//	form.go       which form a request takes
//	front.go      the front end; call.go, begin.go, encode.go, finish.go: one transaction's way through it
//	back.go       the interface that a driver implements; match.go: which request it is; serve.go: serving it
//	tests.go      the tests that come with the stubs
//
// Names that a user of the generated package sees are those of idl/golang. Locals have a scope here; see names.go.
package gen

import (
	"errors"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// File is one generated file; Name is relative to the package's directory.
type File struct {
	Name    string
	Content []byte
}

// generator holds what the parts of one file share.
type generator struct {
	p     *schema.Protocol
	names *golang.Names
	abis  []schema.ABI // numbered by position, as in idc.Protocol
	file  *jen.File

	facts     map[*schema.Struct]*facts
	units     map[*schema.Unit]*schema.Type // the Go type of each
	internal  scope                         // unexported identifiers of the package
	sizes     map[*schema.Struct]string     // tables of sizes that were declared
	segments  map[*schema.Struct]string     // how the functions for a segment's codec end
	decided   map[schema.Side][]*schema.Key // what a driver of that side decides on; see keysOf
	published map[*schema.Key]bool          // those of both sides
	calls     map[*schema.Transaction]*method
	args      []argument // of all transactions, in the order of their fields
	outcomes  []outcome
	bit       bool // the function of that name is needed
	range_    bool // and that one
}

// Generate returns the files of the Go package for a protocol. source is the name of the protocol file, for the header; pkg
// the package's name, or nothing for the protocol's. The result depends on nothing else.
func Generate(p *schema.Protocol, source, pkg string) ([]File, error) {
	if pkg == "" {
		pkg = golang.Package(p)
	}
	names := golang.Of(p)
	var tests []byte
	var bad error
	rendered := make(chan struct{})
	go func() { // formatting takes most of the time: do both at once
		defer close(rendered)
		g := newGenerator(p, names, newFile(pkg, source))
		g.tests()
		tests, bad = render(g.file)
	}()
	g := newGenerator(p, names, newFile(pkg, source))
	g.stubs()
	stubs, err := render(g.file)
	<-rendered
	if err := errors.Join(err, bad); err != nil {
		return nil, err
	}
	base := golang.FileBase(p)
	return []File{{base + ".idc.go", stubs}, {base + ".idc_test.go", tests}}, nil
}

func newGenerator(p *schema.Protocol, names *golang.Names, f *jen.File) *generator {
	g := &generator{
		p: p, names: names, file: f, abis: p.Device.Spoken(),
		facts: map[*schema.Struct]*facts{}, units: map[*schema.Unit]*schema.Type{}, internal: scope{},
		sizes: map[*schema.Struct]string{}, segments: map[*schema.Struct]string{}, calls: map[*schema.Transaction]*method{},
	}
	g.internal.own("protocol", "server", "frontSlot", "ragged", "outOfRange", "bit", "unknown", "accept", "readBackKeys", "readFrontKeys",
		"nothing", "sample", "putSegments", "takeSegments", "putSegmentPages", "takeSegmentPages")
	g.decide()
	g.measureUnits()
	if g.names.Stubs() {
		g.nameCalls()
	}
	return g
}

// Stubs reports whether p gets stubs, and not only types and codecs.
func Stubs(p *schema.Protocol) bool { return golang.Stubs(p) }

// stubs fills the main file.
func (g *generator) stubs() {
	f := g.file
	if !g.names.Stubs() {
		doc(f, "The protocol's types and the encoding of its slots. There are no stubs: they take one\nring without one-way messages, and one bulk argument of bytes a transaction.")
		f.Line()
	}
	doc(f, "A compile error here means that this file and the package idc don't fit\ntogether: run idcgen again, or use the version of idc that idcgen came with.")
	f.Const().Id("_").Op("=").Add(idc("Version1"))
	f.Line()
	g.unitTypes()
	g.consts()
	g.enums()
	g.bitTypes()
	g.abiConsts()
	if g.names.Stubs() {
		g.keys(schema.Back)
		g.keys(schema.Front)
		g.protocol()
	}
	g.records()
	g.unions()
	if g.names.Stubs() {
		g.segmentCodecs()
		g.front()
		g.back()
	}
	g.helpers()
}

// helpers declares the small functions that what came before has used.
func (g *generator) helpers() {
	if g.bit {
		doc(g.file, "bit is 1 if on.")
		g.file.Func().Id("bit").Params(id("on").Bool()).Uint8().Block(
			jen.If(id("on")).Block(jen.Return(num(1))), jen.Return(num(0)))
		g.file.Line()
	}
	if g.range_ {
		doc(g.file, "outOfRange is the error for an argument that its field can't hold.")
		g.file.Func().Id("outOfRange").Params(id("name").String(), id("v").Any()).Error().Block(
			jen.Return(std("fmt", "Errorf").Call(jen.Lit(g.p.Name+": %s can't be %v"), id("name"), id("v"))))
		g.file.Line()
	}
}

// abiConsts numbers the ABIs. Where there are stubs nobody but them needs it.
func (g *generator) abiConsts() {
	if len(g.abis) < 2 {
		return
	}
	typ := jen.Int()
	if !g.names.Stubs() {
		doc(g.file, "ABI says for which machine's rules slots are laid out.")
		g.file.Type().Id("ABI").Int()
		g.file.Line()
		typ = id("ABI")
	}
	doc(g.file, "The layouts of the ring, numbered as in protocol.ABIs.")
	g.file.Const().DefsFunc(func(out *jen.Group) {
		for i, a := range g.abis {
			if i == 0 && !g.names.Stubs() {
				out.Id(g.abiConst(a)).Add(typ).Op("=").Iota()
			} else if i == 0 {
				out.Id(g.abiConst(a)).Op("=").Iota()
			} else {
				out.Id(g.abiConst(a))
			}
		}
	})
	g.file.Line()
}
