package resolve

import (
	"cmp"
	"slices"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// binder fills one form.
type binder struct {
	r      *resolver
	form   *schema.Form
	slot   *schema.Slot // what carries the arguments
	params []*schema.Param
	binds  []schema.Bind
	where  []diag.Span // of binds
	rsp    *binder     // of the response; nil for messages
	reply  bool        // this is a response to a request
}

// formOf resolves the side of a form that carries the arguments: the request, or the response for a message from the back.
func (r *resolver) formOf(item *syntax.BodyItem, ring *schema.Ring, params []*schema.Param, decls []*syntax.Param,
	from schema.Side, answered bool) *binder {
	d := item.Form
	slots := ring.Requests
	if from == schema.Back {
		slots = ring.Responses
	}
	slot := r.slotNamed(d.Struct, slots, ring)
	if slot == nil {
		return nil
	}
	form := &schema.Form{Name: d.Name.Text, Doc: syntax.DocText(item.Doc), Pos: d.Name.Span(), Request: slot.Struct}
	if from == schema.Back {
		form.Request, form.Response = nil, slot.Struct
	}
	if d.When != nil {
		form.Enable = r.featureKey(d.When)
	}
	if d.Limit != nil {
		form.Limit = r.limitKey(d.Limit)
	}
	b := &binder{r: r, form: form, slot: slot, params: params}
	if answered {
		b.rsp = r.answer(d, ring)
	}
	b.bare(decls)
	for _, a := range d.Items {
		b.assign(a)
	}
	b.typed(decls)
	b.rest()
	b.complete(d.Name)
	form.Match, form.Set = b.sorted()
	return b
}

func (r *resolver) slotNamed(n *syntax.Name, slots []*schema.Slot, ring *schema.Ring) *schema.Slot {
	for _, s := range slots {
		if s.Struct.Name == n.Text {
			return s
		}
	}
	r.unknown(n, "such struct in the slots of "+ring.Name+":", func() (names []string) {
		for _, s := range slots {
			names = append(names, s.Struct.Name)
		}
		return names
	})
	return nil
}

func (r *resolver) limitKey(s *syntax.Str) *schema.Key {
	k := r.keyIn(schema.Back, s.Value())
	if k == nil {
		r.unknownAt(s.Span(), s.Value(), "key of the back", r.keyNames(schema.Back))
		return nil
	}
	if !r.keyNumeric(k, s.Span()) {
		return nil
	}
	if k.From != schema.Back {
		r.diags.Add(diag.KeyPlace, s.Span(), "`%s` is written by the %s", k.Name, k.From).Note(k.Pos, "declared here").
			Because("it is the back that says how much it takes").Try("name a key of `keys from back`")
		return nil
	}
	if k.Deprecated {
		r.relied(s.Span(), k)
		return nil
	}
	return k
}

// answer starts the response of a form.
func (r *resolver) answer(d *syntax.Form, ring *schema.Ring) *binder {
	slot := ring.Responses[0]
	if d.Response != nil {
		if slot = r.slotNamed(d.Response, ring.Responses, ring); slot == nil {
			slot = ring.Responses[0]
		}
	}
	return &binder{r: r, slot: slot, reply: true}
}

// bare binds the arguments that are named after a field.
func (b *binder) bare(decls []*syntax.Param) {
	for i, d := range decls {
		if d.Type != nil || d.Bulk != nil || b.params[i].Name == "" {
			continue
		}
		path := b.r.path(b.slot.Struct, d.Path)
		if path == nil {
			continue
		}
		p := b.params[i]
		if p.Type == nil {
			p.Type = path.Type()
			if p.Doc == "" {
				p.Doc = docOf(path)
			}
		}
		b.matchType(d.Path.Span(), p, path)
		b.add(path, schema.Source{Kind: schema.FromParam, Param: p}, d.Path.Span())
	}
}

func docOf(p *schema.Path) string {
	if p.Bits != nil {
		return p.Bits.Doc
	}
	return p.Leaf().Doc
}

// typed binds the arguments with a type of their own that no assignment used, to the field of the same name.
func (b *binder) typed(decls []*syntax.Param) {
	for i, d := range decls {
		if d.Type == nil || b.uses(b.params[i]) {
			continue
		}
		if f := b.r.fieldOf(b.slot.Struct, b.params[i].Name); f != nil {
			path := &schema.Path{Fields: []*schema.Field{f}}
			b.matchType(d.Path.Span(), b.params[i], path)
			b.add(path, schema.Source{Kind: schema.FromParam, Param: b.params[i]}, d.Path.Span())
		}
	}
}

func (b *binder) uses(p *schema.Param) bool {
	return slices.ContainsFunc(b.binds, func(x schema.Bind) bool {
		return x.Source.Kind == schema.FromParam && x.Source.Param == p
	})
}

// matchType checks that an argument fits its field.
func (b *binder) matchType(at diag.Span, p *schema.Param, path *schema.Path) {
	have, want := p.Type, path.Type()
	if have.Kind == want.Kind {
		if d := b.r.sameUnit(at, have.Unit, want.Unit); d != nil {
			d.Note(path.Leaf().Pos, "`%s` is declared here", path)
			return
		}
	}
	if have.Kind != want.Kind || have.Size != want.Size || have.Signed != want.Signed || have.Enum != want.Enum ||
		have.Bits != want.Bits || have.Struct != want.Struct || have.Max != want.Max {
		b.r.diags.Add(diag.TypeMismatch, at, "`%s` is %s, but `%s` is %s", p.Name, have, path, want).
			Note(path.Leaf().Pos, "declared here").Because("an argument has the type of the field that carries it, in every form").
			Try("give both the same type")
	}
}

// add files a bind, unless the field has one.
func (b *binder) add(path *schema.Path, src schema.Source, at diag.Span) {
	for i, prev := range b.binds {
		if prev.Path.Equal(path) || overlap(prev.Path, path) {
			b.r.diags.Add(diag.BoundTwice, at, "`%s` has a value already", path).Note(b.where[i], "given here").
				Because("a field carries one value").Try("remove one of them")
			return
		}
	}
	b.binds, b.where = append(b.binds, schema.Bind{Path: path, Source: src}), append(b.where, at)
}

// overlap tells whether one path leads into the other.
func overlap(p, q *schema.Path) bool {
	n := min(len(p.Fields), len(q.Fields))
	for i := range n {
		if p.Fields[i] != q.Fields[i] {
			return false
		}
	}
	if len(p.Fields) != len(q.Fields) {
		return true
	}
	return p.Bits == nil || q.Bits == nil
}

// rest binds what no line mentions: the id, and fields with a default.
func (b *binder) rest() {
	if !b.has(b.slot.ID) {
		b.add(b.slot.ID, schema.Source{Kind: schema.FromID}, b.slot.ID.Leaf().Pos)
	}
	for _, f := range b.slot.Struct.Fields {
		item := b.r.origin[f]
		path := &schema.Path{Fields: []*schema.Field{f}}
		if item == nil || item.Source == nil || b.has(path) {
			continue
		}
		src, ok := b.defaultSource(f, item.Source)
		if ok && b.reply && !b.r.said[f] {
			ok = b.r.answers(src, item.Source.Span())
			b.r.said[f] = !ok
		}
		if ok {
			b.add(path, src, f.Pos)
		}
	}
}

func (b *binder) has(path *schema.Path) bool {
	return slices.ContainsFunc(b.binds, func(x schema.Bind) bool { return x.Path.Equal(path) || overlap(x.Path, path) })
}

// complete checks that every argument got somewhere.
func (b *binder) complete(at *syntax.Name) {
	for _, p := range b.params {
		bound := b.uses(p)
		if p.Bulk != nil {
			bound = slices.ContainsFunc(b.form.Segments, func(s schema.SegmentBind) bool { return s.Bulk == p })
		}
		if bound || p.Bulk == nil && p.Type == nil || p.Name == "" {
			continue
		}
		b.r.diags.Add(diag.Unbound, at.Span(), "form `%s` carries `%s` nowhere", at.Text, p.Name).Note(p.Pos, "declared here").
			Because("the peer would never learn its value").Try("add `FIELD = %s`", p.Name)
	}
}

// sorted returns the constants by which the form is recognised, and the rest, both in the order of the struct.
func (b *binder) sorted() (match, set []schema.Bind) {
	b.sort()
	for _, bind := range b.binds {
		isTag := slices.ContainsFunc(b.slot.Tags, bind.Path.Equal)
		if isTag && bind.Source.Kind == schema.FromConst {
			match = append(match, bind)
		} else {
			set = append(set, bind)
		}
	}
	return match, set
}

func (b *binder) sort() {
	slices.SortStableFunc(b.binds, func(x, y schema.Bind) int {
		return cmp.Or(cmp.Compare(x.Path.Offset(0), y.Path.Offset(0)), cmp.Compare(shift(x.Path), shift(y.Path)))
	})
}

func shift(p *schema.Path) int {
	if p.Bits == nil {
		return 0
	}
	return p.Bits.Shift
}

// status checks that the response says how the transaction ended.
func (b *binder) status(d *syntax.Form) {
	for _, bind := range b.binds {
		if bind.Source.Kind == schema.FromStatus {
			return
		}
	}
	b.r.diags.Add(diag.StatusRoles, d.Name.Span(), "nothing in `%s` says how the transaction ended", b.slot.Struct.Name).
		Note(b.slot.Struct.Pos, "declared here").
		Because("a request that fails, or that the back doesn't know, needs an answer that says so").
		Try("add a field whose type is a `status enum`")
}

// response resolves the other side of a transaction's form.
func (r *resolver) response(b *binder, d *syntax.Form, results []*schema.Param, decls []*syntax.Param) {
	a := b.rsp
	a.form, a.params = b.form, results
	b.form.Response = a.slot.Struct
	a.bare(decls)
	a.typed(decls)
	a.rest()
	for _, f := range a.slot.Struct.Fields {
		path := &schema.Path{Fields: []*schema.Field{f}}
		if f.Type.Kind == schema.EnumOf && f.Type.Enum.Status && !a.has(path) {
			a.add(path, schema.Source{Kind: schema.FromStatus}, f.Pos)
		}
	}
	a.complete(d.Name)
	a.status(d)
	a.sort()
	b.form.Reply = a.binds
}
