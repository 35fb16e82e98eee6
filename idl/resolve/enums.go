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
	seen := &enumIndex{names: map[string]*schema.EnumValue{}, numbers: map[schema.Number]*schema.EnumValue{}}
	r.enumNames[e] = seen.names
	for _, item := range d.Items {
		if item.Reserved != nil {
			e.Reserved = append(e.Reserved, r.reserved(item.Reserved, syntax.DocText(item.Doc))...)
			continue
		}
		r.enumValue(e, seen, item)
	}
	if len(e.Values) == 0 && !e.Open && !e.Status && !slices.ContainsFunc(d.Items, func(i *syntax.EnumItem) bool { return i.Reserved == nil }) {
		r.diags.Add(diag.OutOfRange, e.Pos, "no number is a value of `%s`", e.Name).
			Because("a closed enum has the values that it lists, and this lists none").Try("list its values, or write `open enum`")
	}
	taken := sortReserved(e.Reserved)
	for _, v := range e.Values {
		r.notReserved(v.Pos, v.Name, v.Value, taken)
	}
	if e.Status {
		r.roles(e)
	}
}

// enumIndex finds the values of an enum.
type enumIndex struct {
	names   map[string]*schema.EnumValue
	numbers map[schema.Number]*schema.EnumValue
}

func (r *resolver) enumValue(e *schema.Enum, seen *enumIndex, item *syntax.EnumItem) {
	n := r.number(item.Value, nil)
	known := r.fits(item.Value.Span(), n, e.Size, e.Signed)
	v := &schema.EnumValue{Name: item.Name.Text, Doc: syntax.DocText(item.Doc), Pos: item.Name.Span(), Value: n.Number}
	v.Since = r.since(item.Since, e.Frozen, e.Name)
	if prev := seen.names[v.Name]; prev != nil {
		r.duplicate(item.Name, prev.Pos)
		return
	}
	if prev := seen.numbers[v.Value]; prev != nil && known {
		r.diags.Add(diag.DuplicateValue, item.Value.Span(), "%d is `%s` already", n, prev.Name).
			Note(prev.Pos, "given to `%s` here", prev.Name).
			Because("a receiver couldn't tell them apart").Try("give `%s` a number of its own", v.Name)
	}
	for _, name := range item.Roles {
		r.role(e, v, name)
	}
	e.Values = append(e.Values, v)
	seen.names[v.Name] = v
	if known {
		seen.numbers[v.Value] = v
	}
}

// enumValueNamed finds a value by its name, or nil.
func (r *resolver) enumValueNamed(e *schema.Enum, name string) *schema.EnumValue {
	if index := r.enumNames[e]; index != nil {
		return index[name]
	}
	return e.Value(name) // the compiler's own
}

var allRoles = []string{"success", "failure", "malformed", "unsupported"}

func (r *resolver) role(e *schema.Enum, v *schema.EnumValue, name *syntax.Name) {
	if !slices.Contains(allRoles, name.Text) {
		r.unknown(name, "role", oneOf(allRoles...))
		return
	}
	if !e.Status {
		r.diags.Add(diag.StatusRoles, name.Span(), "`%s` has roles but is no status", e.Name).Note(e.Pos, "declared here").
			Because("only a status ends a transaction").Try("write `status enum %s`", e.Name)
		return
	}
	role := schema.Role(name.Text)
	if slices.Contains(v.Roles, role) {
		r.diags.Add(diag.StatusRoles, name.Span(), "`%s` means %s already", v.Name, role).
			Because("once is enough").Try("remove one of them")
		return
	}
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
		first := r.number(rg.First, nil)
		last := first
		if rg.Last != nil {
			last = r.number(rg.Last, nil)
		}
		if first.bad || last.bad {
			continue
		}
		if last.Cmp(first.Number) < 0 {
			r.diags.Add(diag.OutOfRange, rg.First.Span(), "the range %d to %d is empty", first, last).
				Because("the lesser number comes first").Try("write `%d to %d`", last, first)
			continue
		}
		list = append(list, schema.Reserved{First: first.Number, Last: last.Number, Doc: doc, Pos: rg.First.Span()})
	}
	return list
}

// reservedSet is what is reserved, by the first number. Each has in it whichever range before it, or itself, goes furthest.
type reservedSet struct {
	first    []schema.Number
	furthest []*schema.Reserved
}

func sortReserved(list []schema.Reserved) (out reservedSet) {
	sorted := slices.Clone(list)
	slices.SortStableFunc(sorted, func(a, b schema.Reserved) int { return a.First.Cmp(b.First) })
	var far *schema.Reserved
	for i := range sorted {
		if far == nil || sorted[i].Last.Cmp(far.Last) > 0 {
			far = &sorted[i]
		}
		out.first, out.furthest = append(out.first, sorted[i].First), append(out.furthest, far)
	}
	return out
}

// find returns the range that a number is in, or nil.
func (s reservedSet) find(n schema.Number) *schema.Reserved {
	i, there := slices.BinarySearchFunc(s.first, n, schema.Number.Cmp)
	for there && i+1 < len(s.first) && s.first[i+1] == n {
		i++
	}
	if !there {
		i--
	}
	if i < 0 || s.furthest[i].Last.Cmp(n) < 0 {
		return nil
	}
	return s.furthest[i]
}

func (r *resolver) notReserved(at diag.Span, name string, n schema.Number, taken reservedSet) {
	if res := taken.find(n); res != nil {
		r.diags.Add(diag.ReservedValue, at, "`%s` takes the reserved number %d", name, n).
			Note(res.Pos, "reserved here").Because("an older peer may mean something else by it").Try("take another number")
	}
}

// bits computes the groups of bits and checks that none overlap.
func (r *resolver) bits(b *schema.Bits, d *syntax.Bits) {
	t := r.intType(d.Type)
	b.Size = t.Size
	top := int64(8*t.Size - 1)
	for _, item := range d.Items {
		g := &schema.BitGroup{Name: item.Name.Text, Doc: syntax.DocText(item.Doc), Pos: item.Name.Span()}
		first := r.within(item.First.Span(), "a bit", r.number(item.First, nil), 0, top)
		last := first
		if item.Last != nil {
			last = r.within(item.Last.Span(), "the last bit", r.number(item.Last, nil), first, top)
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
	if g.Width > 8*s.enum.Size {
		r.diags.Add(diag.OutOfRange, as.Span(), "`%s` can't hold %d bits", s.enum.Name, g.Width).Note(s.enum.Pos, "declared here").
			Because("its type has %d bits, so the others would be cut off", 8*s.enum.Size).Try("give the enum a wider type, or narrow the group")
		return
	}
	most := schema.Unsigned(g.Mask() >> g.Shift)
	for _, v := range s.enum.Values {
		if !v.Value.In(schema.Number{}, most) {
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
			return !r.diags.Full() // there are more groups than bits, and enough has been said
		}
	}
	return true
}
