package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// A struct is written and read field by field, and compilers of what was generated walk through it again and again: 40
// structs, each with two of the one before, have a million million fields. So depth and number are bounded, far above
// what describes a device.
const (
	maxDepth  = 64
	maxFields = 1 << 16
)

// nesting is how deep structs and unions lie within one another, and how many fields they have together.
type nesting struct{ depth, fields int }

// nest measures a struct or union whose members are resolved, and complains about one that can't be compiled. What
// contains it is measured as if this one were small, so that each cause is named once.
func (r *resolver) nest(owner any, name string, pos diag.Span, members []*schema.Field) {
	n := nesting{depth: 1}
	for _, f := range members {
		t := f.Type
		for t != nil && t.Kind == schema.ArrayOf {
			t = t.Elem
		}
		var inner nesting
		switch {
		case t == nil:
		case t.Kind == schema.StructOf:
			inner = r.nestings[t.Struct]
		case t.Kind == schema.UnionOf:
			inner = r.nestings[t.Union]
		}
		n.depth = max(n.depth, inner.depth+1)
		n.fields += 1 + inner.fields
	}
	switch {
	case n.depth > maxDepth:
		r.diags.Add(diag.OutOfRange, pos, "`%s` nests %d structs in one another", name, n.depth).
			Because("at most %d can lie within one another", maxDepth).Try("draw the fields of some of them in place")
		n = nesting{depth: 1}
	case n.fields > maxFields:
		r.diags.Add(diag.OutOfRange, pos, "`%s` has %d fields with those of its members", name, n.fields).
			Because("there can be %d at most", maxFields).Try("use arrays, or fewer members")
		n = nesting{depth: 1}
	}
	r.nestings[owner] = n
}
