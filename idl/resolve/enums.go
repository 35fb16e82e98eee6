package resolve

import (
	"slices"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// enum computes the values of an enum and checks them against each other and against what is reserved.
func (r *resolver) enum(e *schema.Enum, d *syntax.Enum) {
	t := r.intType(d.Type)
	e.Size, e.Signed = t.Size, t.Signed
	for _, item := range d.Items {
		if item.Reserved != nil {
			e.Reserved = append(e.Reserved, r.reserved(item.Reserved, syntax.DocText(item.Doc))...)
			continue
		}
		r.enumValue(e, item)
	}
	for _, v := range e.Values {
		r.notReserved(v.Pos, v.Name, v.Value, e.Reserved)
	}
	if e.Status {
		r.roles(e)
	}
}

func (r *resolver) enumValue(e *schema.Enum, item *syntax.EnumItem) {
	n, _ := r.number(item.Value, nil)
	r.fits(item.Value.Span(), n, e.Size, e.Signed)
	v := &schema.EnumValue{Name: item.Name.Text, Doc: syntax.DocText(item.Doc), Pos: item.Name.Span(), Value: n}
	v.Since = r.since(item.Since, e.Frozen, e.Name)
	for _, prev := range e.Values {
		if prev.Name == v.Name {
			r.duplicate(item.Name, prev.Pos)
			return
		}
		if prev.Value == v.Value {
			r.diags.Add(diag.DuplicateValue, item.Value.Span(), "%d is `%s` already", n, prev.Name).
				Note(prev.Pos, "given to `%s` here", prev.Name).
				Because("a receiver couldn't tell them apart").Try("give `%s` a number of its own", v.Name)
		}
	}
	for _, name := range item.Roles {
		r.role(e, v, name)
	}
	e.Values = append(e.Values, v)
}

var allRoles = []string{"success", "failure", "malformed", "unsupported"}

func (r *resolver) role(e *schema.Enum, v *schema.EnumValue, name *syntax.Name) {
	if !slices.Contains(allRoles, name.Text) {
		r.unknown(name, "role", allRoles)
		return
	}
	if !e.Status {
		r.diags.Add(diag.StatusRoles, name.Span(), "`%s` has roles but is no status", e.Name).Note(e.Pos, "declared here").
			Because("only a status ends a transaction").Try("write `status enum %s`", e.Name)
		return
	}
	role := schema.Role(name.Text)
	for _, prev := range e.Values {
		if slices.Contains(prev.Roles, role) {
			r.diags.Add(diag.StatusRoles, name.Span(), "`%s` means %s already", prev.Name, role).
				Note(prev.Pos, "declared here").Because("the runtime needs one value per role").
				Try("keep `means %s` on one of them", role)
			return
		}
	}
	v.Roles = append(v.Roles, role)
}

func (r *resolver) roles(e *schema.Enum) {
	for _, role := range []schema.Role{schema.Success, schema.Failure} {
		if e.Role(role) == nil {
			r.diags.Add(diag.StatusRoles, e.Pos, "no value of `%s` means %s", e.Name, role).
				Because("the runtime ends transactions with it").Try("add `means %s` to a value", role)
		}
	}
}

func (r *resolver) reserved(d *syntax.Reserved, doc string) (list []schema.Reserved) {
	for _, rg := range d.Ranges {
		first, _ := r.number(rg.First, nil)
		last := first
		if rg.Last != nil {
			last, _ = r.number(rg.Last, nil)
		}
		if last < first {
			r.diags.Add(diag.OutOfRange, rg.First.Span(), "the range %d to %d is empty", first, last).
				Because("the lesser number comes first").Try("write `%d to %d`", last, first)
			continue
		}
		list = append(list, schema.Reserved{First: first, Last: last, Doc: doc, Pos: rg.First.Span()})
	}
	return list
}

func (r *resolver) notReserved(at diag.Span, name string, n int64, list []schema.Reserved) {
	for _, res := range list {
		if n >= res.First && n <= res.Last {
			r.diags.Add(diag.ReservedValue, at, "`%s` takes the reserved number %d", name, n).
				Note(res.Pos, "reserved here").Because("an older peer may mean something else by it").Try("take another number")
		}
	}
}

// bits computes the groups of bits and checks that none overlap.
func (r *resolver) bits(b *schema.Bits, d *syntax.Bits) {
	t := r.intType(d.Type)
	b.Size = t.Size
	top := int64(8*t.Size - 1)
	for _, item := range d.Items {
		g := &schema.BitGroup{Name: item.Name.Text, Doc: syntax.DocText(item.Doc), Pos: item.Name.Span()}
		first, _ := r.number(item.First, nil)
		first = r.within(item.First.Span(), "a bit", first, 0, top)
		last := first
		if item.Last != nil {
			last, _ = r.number(item.Last, nil)
			last = r.within(item.Last.Span(), "the last bit", last, first, top)
		}
		g.Shift, g.Width = int(first), int(last-first+1)
		g.Since = r.since(item.Since, b.Frozen, b.Name)
		if item.As != nil {
			r.bitsEnum(g, item.As)
		}
		if r.groupFits(b, g, item) {
			b.Groups = append(b.Groups, g)
		}
	}
}

func (r *resolver) bitsEnum(g *schema.BitGroup, as *syntax.Name) {
	s := r.find(as, "enum", func(s *symbol) bool { return s.enum != nil })
	if s == nil {
		return
	}
	g.Enum = s.enum
	if g.Width >= 63 {
		return
	}
	for _, v := range s.enum.Values {
		if v.Value < 0 || v.Value >= 1<<g.Width {
			r.diags.Add(diag.OutOfRange, as.Span(), "%d bits can't hold `%s`", g.Width, v.Name).Note(v.Pos, "declared here").
				Because("it is %d", v.Value).Try("widen the group")
			return
		}
	}
}

func (r *resolver) groupFits(b *schema.Bits, g *schema.BitGroup, item *syntax.BitItem) bool {
	for _, prev := range b.Groups {
		if prev.Name == g.Name {
			r.duplicate(item.Name, prev.Pos)
			return false
		}
		if prev.Mask()&g.Mask() != 0 {
			r.diags.Add(diag.DuplicateValue, item.First.Span(), "`%s` shares bits with `%s`", g.Name, prev.Name).
				Note(prev.Pos, "declared here").Because("a bit belongs to one name").Try("move one of them")
		}
	}
	return true
}
