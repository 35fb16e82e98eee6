// Package resolve turns a parsed file into a schema: it finds what every name means, computes every number, offset and
// size, and draws the rings and structs of protocols that leave them to the compiler.
//
// It goes over the file in passes, each of which needs only the ones before it, and keeps going after a mistake: a name
// that is declared but broken is known as broken, so that one mistake is reported once.
//
//	header     protocol, device, abi
//	names      what is declared, and that nothing is declared twice
//	values     constants, units, enums, bits
//	structs    fields, then layouts, inner structs first
//	keys       the store
//	rings      slots, tags, the keys that publish them
//	calls      transactions and messages with their forms; or chosen: the compiler draws these
package resolve

import (
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// resolver is the state of one run.
type resolver struct {
	file  *syntax.File
	diags *diag.List
	p     *schema.Protocol

	symbols   map[string]*symbol
	origin    map[*schema.Field]*syntax.Field
	building  map[*schema.Struct]progress
	unions    map[*schema.Union]progress
	nestings  map[any]nesting       // of structs and unions
	rings     map[string]*ringParts // that the file draws
	refs      map[*schema.Key]*schema.Ring
	members   map[any]map[string]*schema.Field // of structs and unions
	enumNames map[*schema.Enum]map[string]*schema.EnumValue
	keyIndex  map[keyPlace]*schema.Key
	calls     map[string]diag.Span    // transactions and messages by name
	inPages   map[*schema.Pages]int   // the most elements that the pages hold together
	offsets   map[*schema.Field]value // that `at` gives
	said      map[*schema.Field]bool  // whose default has been complained about
	inCalls   map[any]bool            // structs and unions that calls carry
	misplaced map[*schema.Field]bool  // whose offset has been complained about
	drawn     *diag.Span              // the first ring that the file draws itself
	thens     []then
}

// progress guards against structs that contain themselves.
type progress int

const (
	begun progress = iota + 1
	done
)

// File resolves a parsed file. It always returns a protocol; only if diags has no error is it complete and consistent.
func File(f *syntax.File, diags *diag.List) *schema.Protocol {
	r := &resolver{
		file: f, diags: diags, p: &schema.Protocol{},
		symbols:   map[string]*symbol{},
		origin:    map[*schema.Field]*syntax.Field{},
		building:  map[*schema.Struct]progress{},
		unions:    map[*schema.Union]progress{},
		enumNames: map[*schema.Enum]map[string]*schema.EnumValue{},
		keyIndex:  map[keyPlace]*schema.Key{},
		nestings:  map[any]nesting{},
		rings:     map[string]*ringParts{},
		refs:      map[*schema.Key]*schema.Ring{},
		members:   map[any]map[string]*schema.Field{},
		calls:     map[string]diag.Span{},
		misplaced: map[*schema.Field]bool{},
		inPages:   map[*schema.Pages]int{},
		offsets:   map[*schema.Field]value{},
		said:      map[*schema.Field]bool{},
	}
	r.header()
	r.names()
	r.values()
	r.structs()
	r.keys()
	r.allRings()
	r.allCalls()
	if r.drawn != nil {
		r.versionKeys()
	}
	r.growth()
	r.unkeptKeys()
	r.independence()
	r.sound()
	return r.p
}

// header reads the declarations that there is one of.
func (r *resolver) header() {
	first := map[string]diag.Span{}
	for _, d := range r.file.Decls {
		kind, at := headerKind(d)
		if kind == "" {
			continue
		}
		if prev, again := first[kind]; again {
			r.diags.Add(diag.DuplicateName, at, "a second `%s`", kind).Note(prev, "the first is here").
				Because("a file describes one protocol").Try("remove one of them")
			continue
		}
		first[kind] = at
		r.headerDecl(d)
	}
	if _, ok := first["protocol"]; !ok {
		r.noProtocol()
	}
	if r.p.Device.Front == "" {
		r.p.Device.Front = r.p.Name
	}
	if r.p.Device.Backs == nil {
		r.p.Device.Backs = []string{r.p.Device.Front}
	}
	r.abis()
}

func headerKind(d *syntax.Decl) (string, diag.Span) {
	switch {
	case d.Protocol != nil:
		return "protocol", d.Protocol.Name.Span()
	case d.Device != nil:
		return "device", d.Device.Front.Span()
	}
	return "", diag.Span{}
}

func (r *resolver) headerDecl(d *syntax.Decl) {
	p := r.p
	if dev := d.Device; dev != nil {
		r.mods(d, "device")
		p.Device.Doc, p.Device.Front = syntax.DocText(d.Doc), r.deviceType(dev.Front)
		for _, b := range dev.Backs {
			if name := r.deviceType(b); slices.Contains(p.Device.Backs, name) {
				r.twice(b.Span(), "`"+name+"`")
			} else {
				p.Device.Backs = append(p.Device.Backs, name)
			}
		}
		r.unkeptDevice(dev)
		return
	}
	mods := r.mods(d, "protocol", "frozen")
	p.Name, p.Doc, p.Pos, p.Frozen = d.Protocol.Name.Text, syntax.DocText(d.Doc), d.Protocol.Name.Span(), mods["frozen"]
	if v := d.Protocol.Version; v != nil {
		p.Version = int(r.within(v.Span(), "the version", r.number(v, nil), 1, 1<<15))
	}
}

// deviceType is the name of a directory in the store.
func (r *resolver) deviceType(s *syntax.Str) string {
	name := s.Value()
	if !goodName(name) {
		r.diags.Add(diag.KeyName, s.Span(), "the store can't hold devices of this type").
			Because("a type is the name of a directory, made of letters, digits and `-_@`").Try("correct the name")
	}
	return name
}

func (r *resolver) noProtocol() {
	if r.diags.Failed() {
		return // it may be among what couldn't be parsed
	}
	at := diag.Span{File: r.file.Name, Line: 1, Column: 1}
	r.diags.Add(diag.MissingProtocol, at, "the file names no protocol").
		Because("its name becomes the name of the Go package and of the device").
		Try("begin the file with `protocol` and a name")
}

// abiString checks the string by which an ABI is known.
func (r *resolver) abiString(d *syntax.ABI, name string) {
	at := d.Name.Span()
	if d.String != nil {
		at = d.String.Span()
	}
	if name == "" || strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' }) {
		r.diags.Add(diag.KeyValue, at, "this can't be the value of the key `protocol`").
			Because("it is a word of printable letters").Try("write for instance `\"%s-abi\"`", d.Name.Text)
	}
	for _, prev := range r.p.Device.Names {
		if prev.Name == name {
			r.diags.Add(diag.DuplicateValue, at, "`%s` is what %s is called already", name, prev.ABI).
				Because("the back couldn't tell which layout the front speaks").Try("give each ABI a string of its own")
		}
	}
}

func (r *resolver) abis() {
	dev := &r.p.Device
	seen := map[schema.ABI]diag.Span{}
	var assumed *diag.Span
	for _, d := range r.file.Decls {
		if d.ABI == nil {
			continue
		}
		r.mods(d, "abi")
		at := d.ABI.Name.Span()
		abi, ok := schema.ABIByName(d.ABI.Name.Text)
		if !ok {
			r.unknown(d.ABI.Name, "ABI", oneOf("x86_64", "x86_32", "arm"))
			continue
		}
		if prev, again := seen[abi]; again {
			r.duplicate(d.ABI.Name, prev)
			continue
		}
		seen[abi] = at
		name := schema.ABIName{ABI: abi, Doc: syntax.DocText(d.Doc), Name: abi.String() + "-abi"}
		if d.ABI.String != nil {
			name.Name = d.ABI.String.Value()
		}
		r.abiString(d.ABI, name.Name)
		dev.Names = append(dev.Names, name)
		if d.ABI.Absent || len(dev.Names) == 1 {
			if d.ABI.Absent && assumed != nil {
				r.diags.Add(diag.DuplicateName, at, "a second ABI is assumed when the key is absent").
					Note(*assumed, "the first is here").Because("an absent key can mean only one of them").
					Try("keep `or absent` on one")
			}
			dev.Assumed = abi
			if d.ABI.Absent {
				assumed = &at
			}
		}
	}
	dev.Independent = len(dev.Names) == 0
}
