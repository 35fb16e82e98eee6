package golang

import (
	"slices"

	"github.com/xenidc/idc/idl/schema"
)

// reach finds the structs and unions that get Go types. Where there are stubs, those are the ones that arguments and results
// are made of: slots are written and read as they are. Elsewhere they are all there is.
type reach struct {
	structs map[*schema.Struct]bool
	unions  map[*schema.Union]bool
}

func reachOf(p *schema.Protocol, stubs bool) *reach {
	r := &reach{map[*schema.Struct]bool{}, map[*schema.Union]bool{}}
	if !stubs {
		for _, s := range p.Structs {
			r.strct(s)
		}
		for _, u := range p.Unions {
			r.union(u)
		}
		return r
	}
	for _, t := range p.Transactions {
		for _, param := range slices.Concat(t.Params, t.Results) {
			r.typ(param.Type)
		}
	}
	return r
}

func (r *reach) typ(t *schema.Type) {
	switch {
	case t == nil:
	case t.Kind == schema.StructOf:
		r.strct(t.Struct)
	case t.Kind == schema.UnionOf:
		r.union(t.Union)
	case t.Kind == schema.ArrayOf:
		r.typ(t.Elem)
	}
}

func (r *reach) strct(s *schema.Struct) {
	if r.structs[s] {
		return
	}
	r.structs[s] = true
	for _, f := range s.Fields {
		r.typ(f.Type)
	}
}

func (r *reach) union(u *schema.Union) {
	if r.unions[u] {
		return
	}
	r.unions[u] = true
	for _, f := range u.Members {
		r.typ(f.Type)
	}
}
