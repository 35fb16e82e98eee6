package draw

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

func (w *writer) calls() {
	for _, t := range w.p.Transactions {
		w.transaction(t)
	}
	for _, m := range w.p.Messages {
		w.message(m)
	}
}

func (w *writer) transaction(t *schema.Transaction) {
	w.line("")
	w.doc(t.Doc)
	args := drawn(t.Params, t.Forms, func(f *schema.Form) []schema.Bind { return f.Set })
	results := drawn(t.Results, t.Forms, func(f *schema.Form) []schema.Bind { return f.Reply })
	head := fmt.Sprintf("transaction %s(%s)", t.Name, args.signature(t.Params))
	if len(t.Results) > 0 {
		head += fmt.Sprintf(" -> (%s)", results.signature(t.Results))
	}
	w.line("%s", words(head, replay(t), quota(t.Quota), feature(t), when(t.Option, "optional"), w.on(t.Ring), since(t.Since), "{"))
	for _, f := range t.Forms {
		w.form(f, t.Ring, args)
	}
	if s := t.Split; s != nil {
		w.line("split %s advancing %s", s.Bulk.Name, s.Start.Name)
	}
	w.line("}")
}

func replay(t *schema.Transaction) string {
	if !t.Replay {
		return ""
	}
	for _, p := range t.Params {
		if p.Bulk != nil && p.Bulk.From == schema.Both {
			return "replay idempotent"
		}
	}
	return "replay"
}

func quota(n int) string { return when(n > 0, fmt.Sprintf("quota %d", n)) }

func feature(t *schema.Transaction) string {
	if t.Feature == nil {
		return ""
	}
	return "when " + quote(t.Feature.Name)
}

// on names the ring, if there are several.
func (w *writer) on(r *schema.Ring) string { return when(len(w.p.Rings) > 1, "on "+r.Name) }

func (w *writer) message(m *schema.Message) {
	w.line("")
	w.doc(m.Doc)
	args := drawn(m.Params, []*schema.Form{m.Form}, func(f *schema.Form) []schema.Bind { return f.Set })
	w.line("%s", words(fmt.Sprintf("message %s(%s) from %s", m.Name, args.signature(m.Params), m.From),
		when(m.From == schema.Back, "credit"), quota(m.Quota), w.on(m.Ring), since(m.Since), "{"))
	w.form(m.Form, m.Ring, args)
	w.line("}")
}

// params says how the arguments or results of a call are drawn: by the path of the field that carries them, if that is the same in
// all forms, or else with a type of their own.
type params map[*schema.Param]string

// named reports whether an argument has a name, which then means the argument.
func (ps params) named(name string) bool {
	for p := range ps {
		if p.Name == name {
			return true
		}
	}
	return false
}

func drawn(list []*schema.Param, forms []*schema.Form, binds func(*schema.Form) []schema.Bind) params {
	paths := params{}
	for _, p := range list {
		for i, f := range forms {
			path := pathOf(p, binds(f))
			if i > 0 && path != paths[p] {
				path = ""
			}
			if paths[p] = path; path == "" {
				break
			}
		}
	}
	return paths
}

func pathOf(p *schema.Param, binds []schema.Bind) string {
	for _, b := range binds {
		if b.Source.Kind != schema.FromParam || b.Source.Param != p {
			continue
		}
		if path := b.Path.String(); path == p.Name || strings.HasSuffix(path, "."+p.Name) {
			return path
		}
	}
	return ""
}

func (ps params) signature(list []*schema.Param) string {
	var out []string
	for _, p := range list {
		text := ps[p]
		switch {
		case p.Bulk != nil:
			text = p.Name + " " + bulk(p.Bulk)
		case text == "":
			text = p.Name + " " + typeText(p.Type)
		}
		out = append(out, words(text, since(p.Since)))
	}
	return strings.Join(out, ", ")
}

func bulk(b *schema.Bulk) string {
	elem, way, most := "", "from "+string(b.From), ""
	if b.Elem != nil {
		elem = "of " + b.Elem.Name
	}
	if b.From == schema.Both {
		way = "both ways"
	}
	if b.Max > 0 {
		most = fmt.Sprintf("up to %d bytes", b.Max)
	}
	return words("bulk", elem, way, most)
}

func (w *writer) form(f *schema.Form, r *schema.Ring, args params) {
	w.doc(f.Doc)
	request, response := f.Request, ""
	switch {
	case request == nil:
		request = f.Response // of a message from the back
	case f.Response != nil && f.Response != r.Responses[0].Struct:
		response = "-> " + f.Response.Name
	}
	enable, limit := "", ""
	if f.Enable != nil {
		enable = "when " + quote(f.Enable.Name)
	}
	if f.Limit != nil {
		limit = "up to " + quote(f.Limit.Name)
	}
	w.line("%s", words("form", f.Name, request.Name, response, enable, limit, "{"))
	for _, b := range f.Match {
		w.assign("", b, args)
	}
	for _, b := range f.Set {
		w.assign("", b, args)
	}
	w.segments(f)
	for _, b := range f.Reply {
		if b.Source.Kind != schema.FromParam && (b.Source.Kind != schema.FromRequest || w.echoed[b.Path.Leaf()] != echo(b.Source)) {
			w.assign("response.", b, args)
		}
	}
	then := ""
	if f.Then != nil {
		then = "then " + f.Then.Transaction.Name
	}
	w.line("%s", words("}", then))
}

// assign writes what gives a field its value, unless that is obvious.
func (w *writer) assign(prefix string, b schema.Bind, args params) {
	value := ""
	switch s := b.Source; s.Kind {
	case schema.FromConst:
		value = s.Const.String()
		if s.Value != nil && !args.named(s.Value.Name) {
			value = s.Value.Name
		}
	case schema.FromParam:
		if args[s.Param] != "" {
			return
		}
		value = s.Param.Name
	case schema.FromDevice:
		value = "device"
	case schema.FromLength:
		value = "length of " + s.Param.Name
	case schema.FromRequest:
		value = "request." + s.Path.String()
	default:
		return // the id and the status
	}
	w.line("%s%s = %s", prefix, b.Path, value)
}

// segments writes which array carries which bulk.
func (w *writer) segments(f *schema.Form) {
	for _, s := range f.Segments {
		if s.After != nil {
			continue
		}
		then := ""
		for _, next := range f.Segments {
			if next.After == s.Bulk && next.Array.Equal(s.Array) {
				then = fmt.Sprintf("then %s counted %s", next.Bulk.Name, next.Count)
			}
		}
		w.line("%s", words(s.Array.String(), "=", s.Bulk.Name, then))
	}
}
