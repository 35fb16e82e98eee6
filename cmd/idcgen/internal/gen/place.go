package gen

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

func itoa(n int) string { return strconv.Itoa(n) }

// spot is a place in the slice b: off bytes from its start, and step bytes further for each turn of a loop over i.
type spot struct{ off, step int }

func (s spot) code() code {
	if s.step == 0 {
		return num(s.off)
	}
	return num(s.off).Op("+").Add(num(s.step)).Op("*").Id("i")
}

// one is the byte there, from the bytes from there on, and span the n bytes there.
func (s spot) one() code  { return id("b").Index(s.code()) }
func (s spot) from() code { return id("b").Index(s.code(), jen.Empty()) }
func (s spot) span(n int) code {
	return id("b").Index(s.code(), spot{s.off + n, s.step}.code())
}

// place is where a path leads on one ABI, in the struct that b begins with: the only way from a path to bytes.
type place struct {
	spot
	abi  schema.ABI
	leaf *schema.Type     // of the field at the path's end
	bits *schema.BitGroup // of the number there; nil: all of it
}

// at follows a path. The path must exist on the ABI.
func at(p *schema.Path, a schema.ABI) place {
	return place{spot{off: p.Offset(a)}, a, p.Leaf().Type, p.Bits}
}

// to is the path to a field of the struct that it is in.
func to(f *schema.Field) *schema.Path { return &schema.Path{Fields: []*schema.Field{f}} }

// countOf is the path to what counts the elements of the field at p, from where p starts.
func countOf(p *schema.Path) *schema.Path {
	count, outer := p.Leaf().Type.Count, p.Fields[:len(p.Fields)-1]
	return &schema.Path{Fields: slices.Concat(outer, count.Fields), Bits: count.Bits}
}

// sizeOf is the size of a type on an ABI, in bytes.
func sizeOf(t *schema.Type, a schema.ABI) int {
	switch t.Kind {
	case schema.StructOf:
		return t.Struct.Size[a]
	case schema.UnionOf:
		return t.Union.Size[a]
	case schema.Bytes, schema.String:
		return t.Max
	case schema.ArrayOf:
		return t.Max * sizeOf(t.Elem, a)
	case schema.Buffer:
		return schema.BufferSize
	}
	return t.Size
}

// layoutAt tells two ABIs apart, if code that reads or writes the place has to differ: a struct's own codec looks after its
// inside.
func layoutAt(p *schema.Path, a schema.ABI) string {
	if !p.On(a) {
		return "-"
	}
	t := p.Leaf().Type
	switch t.Kind {
	case schema.ArrayOf, schema.UnionOf:
		return fmt.Sprint(p.Offset(a), sizeOf(t, a))
	}
	return itoa(p.Offset(a))
}

// part is a piece of a codec: what it depends on, and what writes it.
type part struct {
	paths []*schema.Path
	emit  func(out *jen.Group, a schema.ABI)
}

func (p *part) layout(a schema.ABI) (s string) {
	for _, path := range p.paths {
		s += layoutAt(path, a) + " "
	}
	return s
}

// moves reports whether the part is elsewhere on some ABI.
func (g *generator) moves(p *part) bool {
	return slices.ContainsFunc(g.abis, func(a schema.ABI) bool { return p.layout(a) != p.layout(g.abis[0]) })
}

// branch emits parts: those that are alike on every ABI once, the others in a branch for each layout. It doesn't emit a part
// for an ABI on which its first path doesn't exist.
func (g *generator) branch(out *jen.Group, parts []part) {
	var moving []part
	for i := range parts {
		if g.moves(&parts[i]) {
			moving = append(moving, parts[i])
		} else if parts[i].paths[0].On(g.abis[0]) {
			parts[i].emit(out, g.abis[0])
		}
	}
	if len(moving) == 0 {
		return
	}
	groups := g.layouts(moving)
	chain := jen.Null()
	for i, group := range groups {
		if i < len(groups)-1 {
			chain.If(g.isABI(group))
		}
		chain.BlockFunc(func(out *jen.Group) {
			for _, p := range moving {
				if p.paths[0].On(group[0]) {
					p.emit(out, group[0])
				}
			}
		})
		if i < len(groups)-1 {
			chain.Else()
		}
	}
	out.Add(chain)
}

// branches reports whether any part needs the variable abi.
func (g *generator) branches(parts []part) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return g.moves(&p) || p.inside(g) })
}

// inside reports whether the part calls a codec that takes the ABI.
func (p *part) inside(g *generator) bool {
	return slices.ContainsFunc(p.paths, func(path *schema.Path) bool {
		t := path.Leaf().Type
		if t.Kind == schema.ArrayOf && !segmented(t) {
			t = t.Elem
		}
		return t.Kind == schema.StructOf && g.fact(t.Struct).varies
	})
}

// layouts groups the ABIs that lay parts out alike, the commonest last.
func (g *generator) layouts(parts []part) (groups [][]schema.ABI) {
	seen := map[string]int{}
	for _, a := range g.abis {
		key := ""
		for i := range parts {
			key += parts[i].layout(a) + ";"
		}
		i, ok := seen[key]
		if !ok {
			i, groups = len(groups), append(groups, nil)
			seen[key] = i
		}
		groups[i] = append(groups[i], a)
	}
	slices.SortStableFunc(groups, func(a, b []schema.ABI) int { return len(a) - len(b) })
	return groups
}

// isABI is a condition: the ABI is one of the group.
func (g *generator) isABI(group []schema.ABI) code {
	cond := jen.Null()
	for i, a := range group {
		if i > 0 {
			cond.Op("||")
		}
		cond.Id("abi").Op("==").Id(g.abiConst(a))
	}
	return cond
}
