package gen

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// item is a value that goes to a path of a struct on the wire: a constant, a Go value, or how many elements another has.
type item struct {
	path     *schema.Path
	constant *schema.Source
	value    value
	typ      *schema.Type // of value; nil: an int
	array    func(out *jen.Group, b code)
}

// store is a field that is written at once. Several items may be bits of it.
type store struct {
	path  *schema.Path // to the field
	items []item
	over  bool // other bits of it have been written already
}

// write emits what fills a struct on the wire, which is zeroed, with items and the counts of their elements.
func (g *generator) write(out *jen.Group, items []item) {
	values, counts := g.stores(items)
	g.branch(out, g.storeParts(values))
	g.branch(out, g.storeParts(counts))
}

// stores orders items by the field that they go to. Counts within a struct that is written as a whole come after it.
func (g *generator) stores(items []item) (values, counts []*store) {
	fields := map[string]*store{}
	for _, it := range items {
		g.into(it, fields, &values)
	}
	for _, it := range items {
		t := it.path.Leaf().Type
		if it.path.Bits != nil || it.value == nil || !counted(t) {
			continue
		}
		n := item{path: countOf(it.path), value: func() code { return length(it.value, t.Max) }}
		if s := fields[fieldKey(n.path)]; s != nil {
			s.items = append(s.items, n)
			continue
		}
		g.into(n, fields, &counts)
	}
	for _, s := range counts {
		s.over = inside(s.path, fields)
	}
	return values, counts
}

// into puts an item into the store of its field.
func (g *generator) into(it item, fields map[string]*store, list *[]*store) {
	key := fieldKey(it.path)
	s := fields[key]
	if s == nil {
		s = &store{path: &schema.Path{Fields: it.path.Fields}}
		fields[key] = s
		*list = append(*list, s)
	}
	s.items = append(s.items, it)
}

func fieldKey(p *schema.Path) string {
	var b strings.Builder
	for _, f := range p.Fields {
		fmt.Fprintf(&b, "%p ", f)
	}
	return b.String()
}

// inside reports whether a path leads into a field that is written as a whole.
func inside(p *schema.Path, fields map[string]*store) bool {
	for n := 1; n < len(p.Fields); n++ {
		if fields[fieldKey(&schema.Path{Fields: p.Fields[:n]})] != nil {
			return true
		}
	}
	return false
}

func (g *generator) storeParts(list []*store) (parts []part) {
	for _, s := range list {
		if s.empty() {
			continue
		}
		parts = append(parts, part{[]*schema.Path{s.path}, func(out *jen.Group, a schema.ABI) { g.store(out, s, a) }})
	}
	return parts
}

// empty reports whether the field stays zero.
func (s *store) empty() bool {
	for _, it := range s.items {
		if it.constant == nil || it.constant.Const.Sign() != 0 {
			return false
		}
	}
	return true
}

func (g *generator) store(out *jen.Group, s *store, a schema.ABI) {
	p := at(s.path, a)
	first := s.items[0]
	switch {
	case first.array != nil:
		first.array(out, p.span(sizeOf(p.leaf, a)))
	case len(s.items) == 1 && first.path.Bits == nil && first.constant != nil:
		putRaw(out, p.leaf, p.spot, g.constant(p.leaf, first.constant))
	case len(s.items) == 1 && first.path.Bits == nil && first.typ != nil && !first.typ.Scalar():
		g.put(out, p.leaf, p.spot, a, first.value)
	case len(s.items) == 1 && first.path.Bits == nil && p.leaf.Kind == schema.Bool && first.typ != nil:
		g.put(out, p.leaf, p.spot, a, first.value)
	default:
		g.storeBits(out, s, p)
	}
}

// constant is a constant as a raw number, by its name if it has one.
func (g *generator) constant(t *schema.Type, s *schema.Source) code {
	if t.Kind == schema.EnumOf && s.Value != nil && s.Const.Sign() >= 0 {
		return convert(g.enumName(t.Enum), rawName(t), g.enumValue(t.Enum, s.Value))
	}
	n := s.Const.Bits() & mask(8*t.Size)
	return jen.Op(fmt.Sprint(n))
}

func mask(bits int) uint64 { return ^uint64(0) >> (64 - bits) }

// storeBits writes a number that is put together: of a whole value, of constants and of groups of bits.
func (g *generator) storeBits(out *jen.Group, s *store, p place) {
	var fixed, groups uint64
	var terms []code
	for _, it := range s.items {
		if it.path.Bits != nil {
			groups |= it.path.Bits.Mask()
		}
	}
	if s.over {
		terms = append(terms, raw(p.leaf, p.spot).Op("&^").Add(hex(groups)))
	}
	for _, it := range s.items {
		switch b := it.path.Bits; {
		case it.constant != nil && b != nil:
			fixed |= it.constant.Const.Bits() << b.Shift & b.Mask()
		case it.constant != nil:
			fixed |= it.constant.Const.Bits() & mask(8*p.leaf.Size)
		case b == nil && groups != 0:
			terms = append(terms, g.itemNumber(it, p.leaf).Op("&^").Add(hex(groups)))
		case b == nil:
			terms = append(terms, g.itemNumber(it, p.leaf))
		default:
			low := b.Mask() >> b.Shift
			n := g.itemNumber(it, p.leaf)
			if low != mask(8*p.leaf.Size) && !(it.typ != nil && it.typ.Kind == schema.Bool) {
				n = n.Op("&").Add(hex(low))
			}
			terms = append(terms, shifted(n, "<<", b.Shift))
		}
	}
	if fixed != 0 || len(terms) == 0 {
		terms = append(terms, hex(fixed))
	}
	sum := terms[0]
	for _, t := range terms[1:] {
		sum = sum.Op("|").Add(t)
	}
	putRaw(out, p.leaf, p.spot, sum)
}

func (g *generator) itemNumber(it item, to *schema.Type) code {
	if it.typ == nil {
		return convert("int", rawName(to), it.value())
	}
	return g.number(it.typ, to, it.value())
}

// needsABI reports whether what write emits depends on the ABI.
func (g *generator) needsABI(items []item) bool {
	values, counts := g.stores(items)
	return g.branches(g.storeParts(values)) || g.branches(g.storeParts(counts))
}

// sizeExpr is the size of a slot's struct; the ABI is in scope if it matters.
func (g *generator) sizeExpr(s *schema.Struct) code {
	if g.p.Device.Same(s.Size) {
		return num(s.Size[g.abis[0]])
	}
	return id(cmp.Or(g.sizes[s], "size")).Index(id("abi"))
}
