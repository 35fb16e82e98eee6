package gen

import (
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// finish makes the methods that decode the answer and end the transaction: one for each way in which forms are answered.
func (g *generator) finish(t *schema.Transaction) {
	m := g.calls[t]
	for i, f := range m.replies {
		g.frontFunc(m.finish[i]).Params(id("t").Op("*").Add(idc("Txn"))).Add(returns(g.returned(t))).BlockFunc(func(out *jen.Group) {
			if i == 0 && len(m.replies) > 1 {
				out.Switch(id("f").Dot("slots").Index(id("t").Dot("Index").Call()).Dot("form")).BlockFunc(func(out *jen.Group) {
					for other := 1; other < len(m.replies); other++ {
						out.Case(num(other)).Block(jen.Return(id("f").Dot(m.finish[other]).Call(id("t"))))
					}
				})
			}
			g.finishForm(out, t, f)
		})
		g.file.Line()
	}
}

// answer is what a front end reads from the answer to a form.
type answer struct {
	parts  []part
	fails  bool
	lends  bool // deeper than a result that can be cloned by itself
	clones []*schema.Param
	echoes []echo
}

// echo is a field of the response that repeats what was asked.
type echo struct {
	name string
	path *schema.Path
	want code
}

func (g *generator) answerTo(t *schema.Transaction, f *schema.Form) *answer {
	a := new(answer)
	seen := map[*schema.Param]bool{}
	for _, b := range f.Reply {
		switch p := b.Source.Param; {
		case b.Source.Kind == schema.FromStatus && len(a.parts) == 0 || b.Source.Kind == schema.FromStatus && !a.has(b.Path):
			a.parts = append(a.parts, g.read(b.Path, named("status")))
		case b.Source.Kind == schema.FromParam && !seen[p]:
			seen[p] = true
			a.parts = append(a.parts, g.read(b.Path, g.resultVar(t, p)))
			a.fails = a.fails || g.failing(b.Path.Type())
			switch {
			case b.Path.Bits != nil:
			case p.Type.Kind == schema.Bytes && p.Type.Count != nil:
				a.clones = append(a.clones, p)
			case g.lends(p.Type):
				a.lends = true
			}
		default:
			if want := g.echoed(t, f, b); want != nil {
				e := echo{"echo", b.Path, want}
				if n := len(a.echoes); n > 0 {
					e.name += itoa(n + 1)
				}
				a.echoes = append(a.echoes, e)
				a.parts = append(a.parts, g.readUnchecked(b.Path, named(e.name)))
			}
		}
	}
	return a
}

func (a *answer) has(p *schema.Path) bool {
	return slices.ContainsFunc(a.parts, func(x part) bool { return x.paths[0].Equal(p) })
}

// readUnchecked reads a scalar as it is.
func (g *generator) readUnchecked(p *schema.Path, v value) part {
	return part{[]*schema.Path{p}, func(out *jen.Group, a schema.ABI) { out.Add(v()).Op("=").Add(g.load(at(p, a))) }}
}

// resultVar is where a result is kept until it is returned.
func (g *generator) resultVar(t *schema.Transaction, p *schema.Param) value {
	if len(t.Results) == 1 {
		return named("result")
	}
	return field("result", g.names.Of(p))
}

// echoed is the constant that a field of the response has after the forms that are answered alike, or nil.
func (g *generator) echoed(t *schema.Transaction, form *schema.Form, b schema.Bind) code {
	m := g.calls[t]
	var want *schema.Source
	for _, f := range t.Forms {
		if m.forms[f] != m.forms[form] {
			continue
		}
		i := slices.IndexFunc(f.Reply, func(o schema.Bind) bool { return o.Path.Equal(b.Path) })
		if i < 0 {
			return nil
		}
		src := repeated(f, f.Reply[i])
		if src == nil || want != nil && src.Const != want.Const {
			return nil
		}
		want = src
	}
	return g.constantOfType(b.Path.Type(), want)
}

// repeated is the constant that a form's response repeats, or nil.
func repeated(f *schema.Form, b schema.Bind) *schema.Source {
	switch b.Source.Kind {
	case schema.FromConst:
		return &b.Source
	case schema.FromRequest:
		for _, m := range f.Match {
			if m.Path.Equal(b.Source.Path) {
				return &m.Source
			}
		}
	}
	return nil
}

// constantOfType is a constant of a Go type, by its name if it has one.
func (g *generator) constantOfType(t *schema.Type, s *schema.Source) code {
	switch {
	case t.Kind == schema.EnumOf && s.Value != nil:
		return g.enumValue(t.Enum, s.Value)
	case t.Kind == schema.Bool:
		return jen.Lit(s.Const.Sign() != 0)
	}
	return lit(s.Const)
}

func (g *generator) finishForm(out *jen.Group, t *schema.Transaction, f *schema.Form) {
	a := g.answerTo(t, f)
	if g.branches(a.parts) {
		out.Id("abi").Op(":=").Id("t").Dot("ResponseABI").Call()
	}
	response := id("t").Dot("Response").Call()
	if a.lends {
		response = std("bytes", "Clone").Call(response)
	}
	out.Id("b").Op(":=").Add(response)
	g.bound(out, f.Response, len(a.parts))
	out.Var().Id("status").Add(g.status())
	g.declareResult(out, t)
	for _, e := range a.echoes {
		out.Var().Id(e.name).Add(g.goType(e.path.Type()))
	}
	if a.fails {
		out.Id("ok").Op(":=").True()
	}
	g.branch(out, a.parts)
	for _, p := range a.clones {
		v := g.resultVar(t, p)
		out.Add(v()).Op("=").Add(std("bytes", "Clone")).Call(v()).Comment("// of the response, which belongs to t")
	}
	out.Id("t").Dot("End").Call()
	if g.implicit() {
		out.If(id("status").Op("!=").Add(idc("Succeeded"))).Block(jen.Return(g.fails(t, id("status"))...))
	}
	for _, e := range a.echoes {
		out.If(id(e.name).Op("!=").Add(e.want)).Block(jen.Return(g.fails(t, g.wrongEcho(e))...))
	}
	if a.fails {
		out.If(jen.Op("!").Id("ok")).Block(jen.Return(g.fails(t, protocolError("response of "+t.Name))...))
	}
	var values []jen.Code
	if len(t.Results) > 0 {
		values = append(values, id("result"))
	}
	if !g.implicit() {
		values = append(values, id("status"))
	}
	out.Return(append(values, jen.Nil())...)
}

func protocolError(field string, more ...jen.Code) code {
	return jen.Op("&").Add(idc("ProtocolError")).Values(append([]jen.Code{id("Field").Op(":").Lit(field)}, more...)...)
}

func (g *generator) wrongEcho(e echo) code {
	name := e.path.Leaf().Name + " of a response"
	if e.path.Type().Kind == schema.Bool {
		return protocolError(name)
	}
	return protocolError(name, id("Value").Op(":").Add(convert(g.goName(e.path.Type()), "uint64", id(e.name))))
}

func (g *generator) declareResult(out *jen.Group, t *schema.Transaction) {
	if len(t.Results) > 0 {
		out.Var().Id("result").Add(g.results(t)[0])
	}
}

// done makes the method that ends an asynchronous transaction.
func (g *generator) done(t *schema.Transaction) {
	m := g.calls[t]
	g.frontFunc("done"+m.name).Params(id("t").Op("*").Add(idc("Txn"))).Block(
		id("s").Op(":=").Op("&").Id("f").Dot("slots").Index(id("t").Dot("Index").Call()),
		id("done").Op(":=").Id("s").Dot(m.done),
		id("s").Dot(m.done).Op("=").Nil(),
		jen.If(jen.Err().Op(":=").Id("t").Dot("Err").Call(), jen.Err().Op("!=").Nil()).Block(
			id("t").Dot("End").Call(),
			id("done").Call(g.fails(t, jen.Err())...),
			jen.Return()),
		id("done").Call(id("f").Dot("finish"+m.name).Call(id("t"))))
	g.file.Line()
}
