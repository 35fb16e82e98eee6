package golang

import (
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// Names are the Go names of one protocol.
type Names struct {
	p      *schema.Protocol
	stubs  bool
	reach  *reach
	diags  *diag.List
	names  map[any]string
	global *scope
}

// inPackage are the names that stubs declare in their package themselves, and inTypes those of packages without stubs.
var (
	inPackage = []string{"Front", "Back", "FrontKeys", "BackKeys", "Service", "NewFront", "Open", "Export", "Serve", "FuzzCodec", "FuzzBack"}
	inTypes   = []string{"ABI", "ABIX8664", "ABIX8632", "ABIARM", "FuzzCodec"}
)

// inFront are the methods of Front that aren't transactions.
var inFront = []string{"Alloc", "Back", "Close", "Connected", "MaxBulk", "Poll"}

// elsewhere are methods that `go vet` holds to a signature of the standard library's, whoever has them.
var elsewhere = []string{"GobDecode", "GobEncode", "MarshalJSON", "MarshalXML", "ReadByte", "ReadRune", "UnmarshalJSON", "UnmarshalXML",
	"UnreadByte", "UnreadRune", "WriteByte"}

// Of names everything. The protocol must have compiled.
func Of(p *schema.Protocol) *Names { return newNames(p, new(diag.List)) }

// Check finds what can't have the name in Go that it would get, and what a Go type can't hold.
func Check(p *schema.Protocol, diags *diag.List) {
	newNames(p, diags).unions()
}

func newNames(p *schema.Protocol, diags *diag.List) *Names {
	n := &Names{p: p, stubs: Stubs(p), diags: diags, names: map[any]string{}}
	n.reach = reachOf(p, n.stubs)
	own := inTypes
	if n.stubs {
		own = inPackage
	}
	n.global = newScope(diags, own...)
	n.types()
	n.records()
	if n.stubs {
		n.calls()
		n.keys(schema.Back)
		n.keys(schema.Front, "Option")
	}
	return n
}

// Of returns the name of a declaration: of a type for a unit, enum, bits, struct or union; of a constant for a const, an
// enum's value or a single bit; of a method for a group of bits, a member of a union or a transaction; of a field for a
// struct's field, a key, an argument or a result.
func (n *Names) Of(x any) string { return n.names[x] }

// Option is the interface that a back end implements if it has an optional transaction.
func (n *Names) Option(t *schema.Transaction) string { return n.names[t] + "Back" }

// HasStruct reports whether s has a Go type.
func (n *Names) HasStruct(s *schema.Struct) bool { return n.reach.structs[s] }

// HasUnion reports whether u has a Go type.
func (n *Names) HasUnion(u *schema.Union) bool { return n.reach.unions[u] }

// Stubs reports whether the protocol gets stubs, and not only types and codecs.
func (n *Names) Stubs() bool { return n.stubs }

func (n *Names) types() {
	for _, u := range n.p.Units {
		n.typ(u, u.Name, u.Pos)
	}
	for _, c := range n.p.Consts {
		n.names[c] = n.global.declare(Exported(c.Name), "Const", c.Name, c.Pos)
	}
	for _, e := range n.p.Enums {
		if Hidden(n.p, e) && (e.Status || n.stubs) {
			continue
		}
		name := n.typ(e, e.Name, e.Pos)
		for _, v := range e.Values {
			n.names[v] = n.global.declare(name+Exported(v.Name), "Value", e.Name+"."+v.Name, v.Pos)
		}
	}
	for _, b := range n.p.Bits {
		n.bits(b)
	}
}

func (n *Names) typ(x any, name string, at diag.Span) string {
	n.names[x] = n.global.declare(Exported(name), "Type", name, at)
	return n.names[x]
}

// Hidden reports whether an enum is the compiler's own: the operations and the status of a protocol that declares none. A
// status of the compiler's is idc.Code in Go.
func Hidden(p *schema.Protocol, e *schema.Enum) bool { return p.Chosen && e.Pos == p.Pos }

// bits names the groups: a single bit is a constant of the package, several are methods of the type.
func (n *Names) bits(b *schema.Bits) {
	name := n.typ(b, b.Name, b.Pos)
	methods := newScope(n.diags, elsewhere...)
	for _, g := range b.Groups {
		if g.Width == 1 {
			n.names[g] = n.global.declare(name+Exported(g.Name), "Bit", b.Name+"."+g.Name, g.Pos)
			continue
		}
		n.names[g] = methods.declare(Exported(g.Name), "Bits", g.Name, g.Pos)
		methods.declare("With"+n.names[g], "", g.Name, g.Pos)
	}
}

// records names structs and unions, with their fields and members.
func (n *Names) records() {
	for _, s := range n.p.Structs {
		if !n.reach.structs[s] {
			continue
		}
		name := n.typ(s, s.Name, s.Pos)
		fields := newScope(n.diags)
		if !n.stubs {
			n.global.declare(name+"Size", "", "the size of "+s.Name, s.Pos)
			fields = newScope(n.diags, "Put", "Get")
		}
		for _, f := range s.Fields {
			if !f.Pad {
				n.names[f] = fields.declare(Exported(f.Name), "Field", f.Name, f.Pos)
			}
		}
	}
	for _, u := range n.p.Unions {
		if !n.reach.unions[u] {
			continue
		}
		n.typ(u, u.Name, u.Pos)
		methods := newScope(n.diags, elsewhere...)
		for _, f := range u.Members {
			n.names[f] = methods.declare(Exported(f.Name), "Member", f.Name, f.Pos)
			methods.declare("Set"+n.names[f], "", f.Name, f.Pos)
		}
	}
}

// calls names transactions, with their arguments and results.
func (n *Names) calls() {
	methods := newScope(n.diags, append(inFront, elsewhere...)...)
	for _, t := range n.p.Transactions {
		name := methods.declare(Exported(t.Name), "Call", t.Name, t.Pos)
		methods.declare(name+"Async", "", t.Name, t.Pos)
		n.names[t] = name
		n.global.declare(name+"Request", "", "the arguments of "+t.Name, t.Pos)
		if t.Option {
			n.global.declare(name+"Back", "", "the interface of "+t.Name, t.Pos)
		}
		n.params(t.Params)
		if len(t.Results) > 1 {
			n.global.declare(name+"Response", "", "the results of "+t.Name, t.Pos)
		}
		n.params(t.Results)
	}
}

func (n *Names) params(list []*schema.Param) {
	fields := newScope(n.diags)
	for _, p := range list {
		n.names[p] = fields.declare(Exported(p.Name), "", p.Name, p.Pos)
	}
}

// keys names the fields of a side's keys.
func (n *Names) keys(side schema.Side, own ...string) {
	fields := newScope(n.diags, own...)
	for _, k := range n.p.Keys {
		if k.In == side && k.From == side && !k.Made && !k.Deprecated && !k.PerQueue && !strings.Contains(k.Name, "%") {
			n.names[k] = fields.declare(Exported(k.Name), "Key", k.Name, k.Pos)
		}
	}
}

// unions finds unions with members that the protocol's ABIs lay out in different ways: in Go a union is bytes, and nobody
// would know in which layout.
func (n *Names) unions() {
	for _, u := range n.p.Unions {
		if !n.reach.unions[u] {
			continue
		}
		for _, f := range u.Members {
			s := structOf(f.Type)
			if (s == nil || !n.p.Device.Varies(s)) && (f.Type.Kind != schema.ArrayOf || n.p.Device.Same(f.Size)) {
				continue
			}
			n.diags.Add(diag.LayoutDiffers, f.Pos, "`%s.%s` isn't laid out alike on every ABI", u.Name, f.Name).
				Because("the Go type of a union holds its bytes, and couldn't tell of which ABI they are").
				Try("move 8-byte fields to multiples of 8 with a pad")
		}
	}
}

func structOf(t *schema.Type) *schema.Struct {
	if t.Kind == schema.ArrayOf {
		t = t.Elem
	}
	return t.Struct
}
