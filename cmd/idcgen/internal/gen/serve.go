package gen

import (
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// asked is what a back end reads from a request in one form, before anything is answered.
type asked struct {
	parts  []part
	echoes map[string]value // fields that the response repeats, by path
	vars   []code           // declarations
	fails  bool
}

func (g *generator) askedBy(t *schema.Transaction, f *schema.Form) *asked {
	a := &asked{echoes: map[string]value{}}
	seen := map[*schema.Param]bool{}
	for _, b := range f.Set {
		if p := b.Source.Param; b.Source.Kind == schema.FromParam && !seen[p] {
			seen[p] = true
			a.parts = append(a.parts, g.read(b.Path, field("req", g.names.Of(p))))
			a.fails = a.fails || g.failing(b.Path.Type())
		}
	}
	for _, s := range f.Segments {
		a.vars = append(a.vars, jen.Var().Id("list").Index().Byte(), jen.Var().Id("n").Int())
		a.parts = append(a.parts, g.segmentsOf(s))
	}
	taken := scopeOf(servedLocals...)
	for _, b := range f.Reply {
		g.repeat(a, taken, f.Request, b)
	}
	return a
}

// segmentsOf reads where the segments are, and how many.
func (g *generator) segmentsOf(s schema.SegmentBind) part {
	return part{[]*schema.Path{s.Array, s.Count}, func(out *jen.Group, a schema.ABI) {
		array, count := at(s.Array, a), at(s.Count, a)
		n := g.load(count)
		if s.Count.Type().Size >= 4 { // it may be too large for an int
			n = jen.Min(n, num(s.Max+1))
		}
		out.List(id("list"), id("n")).Op("=").List(array.span(sizeOf(array.leaf, a)), jen.Int().Call(n))
	}}
}

// repeat keeps a field of the request that the response repeats.
func (g *generator) repeat(a *asked, taken scope, req *schema.Struct, b schema.Bind) {
	path := b.Source.Path
	switch b.Source.Kind {
	case schema.FromID:
		path = g.p.Rings[0].Request(req).ID
	case schema.FromRequest:
	default:
		return
	}
	if a.echoes[path.String()] != nil {
		return
	}
	name := taken.unique(golang.Unexported(path.Leaf().Name))
	for isKeyword(name) || g.internal[name] > 0 || imports[name] != "" {
		name = taken.unique(name + "_")
	}
	a.echoes[path.String()] = named(name)
	a.vars = append(a.vars, jen.Var().Id(name).Add(g.goType(path.Type())))
	a.parts = append(a.parts, g.readUnchecked(path, named(name)))
}

// replyItems are what goes into a response.
func (g *generator) replyItems(a *asked, req *schema.Struct, list []schema.Bind, t *schema.Transaction) (items []item) {
	for _, b := range list {
		it := item{path: b.Path}
		switch src := b.Source; src.Kind {
		case schema.FromConst:
			it.constant = &src
		case schema.FromID:
			p := g.p.Rings[0].Request(req).ID
			it.value, it.typ = a.echoes[p.String()], p.Type()
		case schema.FromRequest:
			it.value, it.typ = a.echoes[src.Path.String()], src.Path.Type()
		case schema.FromStatus:
			it.value, it.typ = named("status"), &schema.Type{Kind: schema.EnumOf, Enum: g.p.Status, Size: g.p.Status.Size}
		case schema.FromParam:
			it.value, it.typ = g.resultVar(t, src.Param), src.Param.Type
		default:
			continue
		}
		items = append(items, it)
	}
	return items
}

// serve makes the function that serves one form of a transaction.
func (g *generator) serve(t *schema.Transaction, f *schema.Form, name string) {
	a := g.askedBy(t, f)
	items := g.replyItems(a, f.Request, f.Reply, t)
	g.file.Func().Params(id("s").Op("*").Id("server")).Id(name).Params(id("r").Op("*").Add(idc("Request"))).BlockFunc(func(out *jen.Group) {
		if g.branches(a.parts) || f.Then != nil && g.branches(g.askedBy(f.Then.Transaction, f.Then.Form).parts) || g.needsABI(items) || !g.p.Device.Same(f.Response.Size) {
			out.Id("abi").Op(":=").Id("r").Dot("ABI").Call()
		}
		g.ask(out, a, f.Request, g.calls[t].name)
		out.Id("status").Op(":=").Add(g.role(schema.Malformed))
		g.declareResult(out, t)
		g.serveChecked(out, t, f, a)
		g.then(out, f)
		g.respond(out, f.Response, items, len(a.parts) == 0)
	})
	g.file.Line()
}

// ask emits what reads a request.
func (g *generator) ask(out *jen.Group, a *asked, req *schema.Struct, call string) {
	if len(a.parts) > 0 {
		out.Id("b").Op(":=").Id("r").Dot("Slot").Call()
		g.bound(out, req, len(a.parts))
	}
	if call != "" {
		out.Var().Id("req").Id(call + "Request")
	}
	g.askMore(out, a)
}

func (g *generator) askMore(out *jen.Group, a *asked) {
	for _, v := range a.vars {
		out.Add(v)
	}
	if a.fails {
		out.Id("ok").Op(":=").True()
	}
	g.branch(out, a.parts)
}

// respond emits what writes a response. first: nothing has been read from the request.
func (g *generator) respond(out *jen.Group, rsp *schema.Struct, items []item, first bool) {
	assign := "="
	if first {
		assign = ":="
	}
	out.Id("b").Op(assign).Id("r").Dot("Respond").Call(g.sizeExpr(rsp))
	g.bound(out, rsp, len(items))
	g.write(out, items)
}

// serveChecked emits the call of the driver, if the request may be served.
func (g *generator) serveChecked(out *jen.Group, t *schema.Transaction, f *schema.Form, a *asked) {
	refused, good := g.refused(t, f), g.wellFormed(t, f, a)
	handle := func(out *jen.Group) { g.handle(out, t) }
	switch {
	case refused != nil:
		out.Switch().BlockFunc(func(out *jen.Group) {
			out.Case(refused).Block(id("status").Op("=").Add(g.role(schema.Unsupported)))
			if good != nil {
				out.Case(good).BlockFunc(handle)
			} else {
				out.Default().BlockFunc(handle)
			}
		})
	case good != nil:
		out.If(good).BlockFunc(handle)
	default:
		handle(out)
	}
}

// then emits what serves a second transaction that another front end may have put into the same request.
func (g *generator) then(out *jen.Group, f *schema.Form) {
	if f.Then == nil {
		return
	}
	second, form := f.Then.Transaction, f.Then.Form
	a := g.askedBy(second, &schema.Form{Set: form.Set, Segments: form.Segments})
	doc(out, "And then "+g.names.Of(second)+", if segments came with it.")
	out.If(id("status").Op("==").Add(g.role(schema.Success))).BlockFunc(func(out *jen.Group) {
		out.Var().Id("req").Id(g.names.Of(second) + "Request")
		g.askMore(out, a)
		out.If(id("n").Op(">").Lit(0)).BlockFunc(func(out *jen.Group) {
			out.Id("status").Op("=").Add(g.role(schema.Malformed))
			out.If(g.wellFormed(second, form, a)).BlockFunc(func(out *jen.Group) { g.handle(out, second) })
		})
	})
}

// refused is the condition under which the form isn't offered, or nil.
func (g *generator) refused(t *schema.Transaction, f *schema.Form) code {
	var cond code
	for _, k := range []*schema.Key{t.Feature, f.Enable} {
		if k == nil || !g.published[k] {
			continue
		}
		term := jen.Op("!").Id("s").Dot("keys").Dot("Load").Call().Dot(g.names.Of(k))
		if cond != nil {
			term = cond.Op("||").Add(term)
		}
		cond = term
	}
	return cond
}

// wellFormed is the condition under which a request may be served, or nil.
func (g *generator) wellFormed(t *schema.Transaction, f *schema.Form, a *asked) code {
	var terms []code
	if a.fails {
		terms = append(terms, id("ok"))
	}
	for _, s := range f.Segments {
		if t.Split != nil { // what is split is never empty
			terms = append(terms, id("n").Op(">").Lit(0))
		}
		if f.Limit != nil && g.published[f.Limit] {
			limit := id("s").Dot("keys").Dot("Load").Call().Dot(g.names.Of(f.Limit))
			terms = append(terms, id("n").Op("<=").Int().Call(jen.Min(limit, g.capped(f))))
		}
		verb := "takeSegments"
		if s.Pages > 0 {
			verb = "takeSegmentPages"
			if n := perPage(s.Elem, g.abis[0]); s.Max < s.Pages*n {
				terms = append(terms, id("n").Op("<=").Add(num(s.Max)))
			}
		}
		terms = append(terms, call(g.segmentFunc(verb, s.Elem), id("r"), id("list"), id("n")))
	}
	if len(terms) == 0 {
		return nil
	}
	cond := terms[0]
	for _, c := range terms[1:] {
		cond = cond.Op("&&").Add(c)
	}
	return cond
}

// handle emits what maps bulk data, calls the driver and keeps what it returns.
func (g *generator) handle(out *jen.Group, t *schema.Transaction) {
	m := g.calls[t]
	args := []jen.Code{id("r").Dot("Context").Call(), id("req")}
	if m.bulk == nil {
		g.keep(out, t, args)
		return
	}
	cond := jen.Err().Op("==").Nil()
	if m.bulk.Bulk.Max > 0 {
		cond = cond.Op("&&").Id("data").Dot("Len").Call().Op("<=").Add(num(int(m.bulk.Bulk.Max)))
	}
	out.If(jen.List(id("data"), jen.Err()).Op(":=").Id("r").Dot("Map").Call(direction(m.bulk)), cond).BlockFunc(func(out *jen.Group) {
		g.keep(out, t, append(args, id("data")))
		if m.bulk.Bulk.From == schema.Back {
			out.If(done(id("data").Dot("Deliver").Call()).Op("!=").Nil()).Block(
				id("status").Op("=").Add(g.role(schema.Malformed)).Comment("// the front end can't have it"))
		}
	})
}

// keep emits the call of a driver's method and keeps its outcome.
func (g *generator) keep(out *jen.Group, t *schema.Transaction, args []jen.Code) {
	back := id("s").Dot("back")
	if t.Option { // without it the feature isn't published, and we don't come here
		back = back.Assert(id(g.names.Option(t)))
	}
	served := back.Dot(g.calls[t].name).Call(args...)
	out.Id("status").Op("=").Add(g.role(schema.Failure)).Comment("// unless the driver says otherwise")
	out.If(id("r").Dot("Serve").Call(jen.Lit(t.Name))).BlockFunc(func(out *jen.Group) {
		g.keepOutcome(out, t, served)
	})
}

// keepOutcome emits the call of a driver's method, and what becomes of its results.
func (g *generator) keepOutcome(out *jen.Group, t *schema.Transaction, served code) {
	switch {
	case len(t.Results) == 0 && g.implicit():
		out.Id("status").Op("=").Add(idc("CodeOf")).Call(done(served))
		return
	case g.implicit():
		out.Var().Err().Error()
		out.List(id("result"), jen.Err()).Op("=").Add(served)
		out.Id("status").Op("=").Add(idc("CodeOf")).Call(done(jen.Err()))
	default:
		if len(t.Results) == 0 {
			out.Id("status").Op("=").Add(served)
		} else {
			out.List(id("result"), id("status")).Op("=").Add(served)
		}
		out.If(id("status").Op("!=").Add(g.role(schema.Success))).Block(id("r").Dot("Refuse").Call(id("status")))
	}
	for _, p := range t.Results {
		g.tooLong(out, p.Type, g.resultVar(t, p), g.mistake()...)
	}
	g.resultBits(out, t)
}

// mistake emits what becomes of a result that can't be carried.
func (g *generator) mistake() []jen.Code {
	return []jen.Code{
		id("status").Op("=").Add(g.role(schema.Failure)).Comment("// the driver's mistake"),
		id("r").Dot("Done").Call(idc("ErrBadResult")),
	}
}

// done notes an error as the cause of a failure, and is that error.
func done(err code) code { return id("r").Dot("Done").Call(err) }

// resultBits emits the check that results fit into the bits that they go to.
func (g *generator) resultBits(out *jen.Group, t *schema.Transaction) {
	for _, p := range t.Results {
		for _, f := range g.calls[t].replies {
			i := slices.IndexFunc(f.Reply, func(b schema.Bind) bool {
				return b.Source.Kind == schema.FromParam && b.Source.Param == p && b.Path.Bits != nil
			})
			if i < 0 || p.Type.Kind == schema.Bool || topOf(f.Reply[i].Path) >= mask(8*p.Type.Size) {
				continue
			}
			out.If(jen.Uint64().Call(g.resultVar(t, p)()).Op(">").Add(hex(topOf(f.Reply[i].Path)))).Block(g.mistake()...)
			break
		}
	}
}
