package gen

import (
	"slices"

	"github.com/xenidc/idc/idl/schema"
)

// facts are what other code has to know about a struct's Go type. They are found once for each struct, however often it is
// used.
type facts struct {
	image      []*schema.Field // its fields in Go: all but padding and counts that are the lengths of other fields
	varies     bool            // its codec takes the ABI
	fails      bool            // decoding can find it malformed
	bounded    bool            // a value may be too long for its field
	comparable bool
	lends      bool // decoded, it refers to the slot
}

func (g *generator) fact(s *schema.Struct) *facts {
	if f := g.facts[s]; f != nil {
		return f
	}
	f := &facts{comparable: true}
	g.facts[s] = f
	lengths := map[*schema.Field]bool{}
	for _, field := range s.Fields {
		if t := field.Type; counted(t) && len(t.Count.Fields) == 1 && t.Count.Bits == nil {
			lengths[t.Count.Fields[0]] = true
		}
	}
	for _, field := range s.Fields {
		if field.Pad || lengths[field] {
			continue
		}
		f.image = append(f.image, field)
		t := field.Type
		f.fails = f.fails || g.failing(t)
		f.bounded = f.bounded || g.bounded(t)
		f.lends = f.lends || g.lends(t)
		f.comparable = f.comparable && g.comparable(t)
	}
	f.varies = g.varies(s)
	return f
}

// varies reports whether the ABIs lay the struct out in different ways. Where only its size differs it doesn't vary.
func (g *generator) varies(s *schema.Struct) bool {
	return slices.ContainsFunc(s.Fields, func(f *schema.Field) bool {
		t := f.Type
		if !g.p.Device.Same(f.Offset) || t.Kind == schema.ArrayOf && !g.p.Device.Same(f.Size) {
			return true
		}
		if t.Kind == schema.ArrayOf {
			t = t.Elem
		}
		return t.Kind == schema.StructOf && g.fact(t.Struct).varies
	})
}

// failing reports whether decoding a value of the type can find it malformed.
func (g *generator) failing(t *schema.Type) bool {
	switch t.Kind {
	case schema.EnumOf:
		return !t.Enum.Open && !t.Enum.Status
	case schema.BitsOf:
		return !t.Bits.Open && t.Bits.Mask() != ^uint64(0)>>(64-8*t.Size)
	case schema.ArrayOf:
		return counted(t) || g.failing(t.Elem)
	case schema.Bytes, schema.String:
		return t.Count != nil
	case schema.StructOf:
		return g.fact(t.Struct).fails
	}
	return false
}

// bounded reports whether a Go value of the type may be too long.
func (g *generator) bounded(t *schema.Type) bool {
	switch t.Kind {
	case schema.ArrayOf:
		return counted(t) || g.bounded(t.Elem)
	case schema.String:
		return true
	case schema.Bytes:
		return t.Count != nil
	case schema.StructOf:
		return g.fact(t.Struct).bounded
	}
	return false
}

// lends reports whether a value that was decoded refers to the bytes that it came from.
func (g *generator) lends(t *schema.Type) bool {
	switch t.Kind {
	case schema.Bytes:
		return t.Count != nil
	case schema.ArrayOf:
		return g.lends(t.Elem)
	case schema.StructOf:
		return g.fact(t.Struct).lends
	}
	return false
}

func (g *generator) comparable(t *schema.Type) bool {
	switch t.Kind {
	case schema.Bytes:
		return t.Count == nil
	case schema.ArrayOf:
		return !counted(t) && g.comparable(t.Elem)
	case schema.StructOf:
		return g.fact(t.Struct).comparable
	}
	return true
}

// smallest is the size that s has at least, and so may be relied on before the ABI is looked at.
func (g *generator) smallest(s *schema.Struct) int {
	sizes := make([]int, len(g.abis))
	for i, a := range g.abis {
		sizes[i] = s.Size[a]
	}
	return slices.Min(sizes)
}
