package gen

import (
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// method is what a transaction is in Go.
type method struct {
	name    string // of the method; others are made of it
	bulk    *schema.Param
	scalars []*schema.Param          // the arguments that travel in the slot
	local   map[*schema.Param]string // an argument's name in functions
	kept    map[*schema.Param]string // and its field in frontSlot
	done    string                   // the callback's field there
	replies []*schema.Form           // forms that are answered in different ways, each the first of its kind
	serve   []string                 // the server's method for each form
	forms   map[*schema.Form]int     // to which of replies a form belongs
	finish  []string                 // the method that decodes each of replies
}

// argument is a field of frontSlot: a value that a transaction keeps from its call until it is encoded, which may be more
// than once.
type argument struct {
	field string
	typ   *schema.Type
}

// outcome is a field of frontSlot: the callback of asynchronous calls of one signature.
type outcome struct {
	field string
	t     *schema.Transaction
}

// nameCalls finds names for what belongs to each transaction.
func (g *generator) nameCalls() {
	fields, servers, fronts := scopeOf("done", "form"), scopeOf("back", "keys", "set", "publish", "handle"), scope{}
	args, dones := map[string]string{}, map[string]string{}
	for _, t := range g.p.Transactions {
		m := &method{name: g.names.Of(t), local: map[*schema.Param]string{}, kept: map[*schema.Param]string{}, forms: map[*schema.Form]int{}}
		g.calls[t] = m
		for _, verb := range []string{"begin", "finish", "done", "encode", "once", "room", "encoder", "finisher"} {
			fronts.own(verb + m.name)
		}
		locals := scopeOf(ownLocals...)
		for _, p := range t.Params {
			m.local[p] = g.local(locals, p.Name)
			if p.Bulk != nil {
				m.bulk = p
				continue
			}
			m.scalars = append(m.scalars, p)
			key := m.local[p] + " " + g.goName(p.Type)
			if args[key] == "" {
				args[key] = fields.unique(strings.TrimRight(m.local[p], "_"))
				if isKeyword(args[key]) {
					args[key] += "_"
				}
				g.args = append(g.args, argument{args[key], p.Type})
			}
			m.kept[p] = args[key]
		}
		sig := g.signature(t)
		if dones[sig] == "" {
			dones[sig] = "done"
			if len(dones) > 1 {
				dones[sig] = fields.unique("done")
			}
			g.outcomes = append(g.outcomes, outcome{dones[sig], t})
		}
		m.done = dones[sig]
	}
	for _, t := range g.p.Transactions {
		m := g.calls[t]
		for i, f := range t.Forms {
			name := "serve" + m.name
			if i > 0 {
				name += "As"
			}
			m.serve = append(m.serve, servers.unique(name))
			g.reply(m, f, fronts)
		}
	}
}

// reply files a form under those that are answered alike.
func (g *generator) reply(m *method, f *schema.Form, fronts scope) {
	i := slices.IndexFunc(m.replies, func(have *schema.Form) bool { return alike(have, f) })
	if i < 0 {
		i = len(m.replies)
		m.replies = append(m.replies, f)
		name := "finish" + m.name
		if i > 0 {
			name = fronts.unique(name)
		}
		m.finish = append(m.finish, name)
	}
	m.forms[f] = i
}

// alike reports whether a front end decodes the answers to two forms in one way.
func alike(x, y *schema.Form) bool {
	says := func(f *schema.Form, b schema.Bind) bool {
		k := b.Source.Kind
		return k != schema.FromStatus && k != schema.FromParam || slices.ContainsFunc(f.Reply, func(c schema.Bind) bool {
			return c.Path.Equal(b.Path) && c.Source.Kind == k && c.Source.Param == b.Source.Param
		})
	}
	other := func(f *schema.Form) func(schema.Bind) bool { return func(b schema.Bind) bool { return !says(f, b) } }
	return x.Response == y.Response && !slices.ContainsFunc(x.Reply, other(y)) && !slices.ContainsFunc(y.Reply, other(x))
}

// implicit reports whether transactions end with an error instead of a status.
func (g *generator) implicit() bool { return g.hidden(g.p.Status) }

// results are the types that a call of t returns, but for its outcome.
func (g *generator) results(t *schema.Transaction) []code {
	switch len(t.Results) {
	case 0:
		return nil
	case 1:
		return []code{g.goType(t.Results[0].Type)}
	}
	return []code{id(g.calls[t].name + "Response")}
}

// signature tells apart what calls return.
func (g *generator) signature(t *schema.Transaction) string {
	switch len(t.Results) {
	case 0:
		return ""
	case 1:
		return g.goName(t.Results[0].Type)
	}
	return g.calls[t].name + "Response"
}

func (g *generator) status() code {
	return g.goType(&schema.Type{Kind: schema.EnumOf, Enum: g.p.Status})
}

// returned are the types that a front end's call of t returns.
func (g *generator) returned(t *schema.Transaction) []code {
	types := g.results(t)
	if !g.implicit() {
		types = append(types, g.status())
	}
	return append(types, jen.Error())
}

// served are the types that a back end's method returns.
func (g *generator) served(t *schema.Transaction) []code {
	if g.implicit() {
		return append(g.results(t), jen.Error())
	}
	return append(g.results(t), g.status())
}

// callback is the type of a function that takes what a call of t returns.
func (g *generator) callback(t *schema.Transaction) code {
	list := []jen.Code{}
	for _, c := range g.returned(t) {
		list = append(list, c)
	}
	return jen.Func().Params(list...)
}

// nothing are the zero values of the results of t.
func (g *generator) nothing(t *schema.Transaction) []jen.Code {
	switch len(t.Results) {
	case 0:
		return nil
	case 1:
		return []jen.Code{g.zero(t.Results[0].Type)}
	}
	return []jen.Code{id(g.calls[t].name + "Response").Values()}
}

// fails are the values that a call of t returns with an error.
func (g *generator) fails(t *schema.Transaction, err code) []jen.Code {
	values := g.nothing(t)
	if !g.implicit() {
		values = append(values, g.role(schema.Failure))
	}
	return append(values, err)
}

// unsupported are the values that a call of t returns where the back end doesn't offer it.
func (g *generator) unsupported(t *schema.Transaction) []jen.Code {
	if g.implicit() {
		return g.fails(t, idc("Unsupported"))
	}
	return append(g.nothing(t), g.role(schema.Unsupported), jen.Nil())
}

func ctxParam() code { return id("ctx").Add(std("context", "Context")) }

// params are the parameters of a call.
func (g *generator) params(t *schema.Transaction) []jen.Code {
	list := []jen.Code{ctxParam()}
	for _, p := range t.Params {
		typ := jen.Index().Byte()
		if p.Bulk == nil {
			typ = g.goType(p.Type)
		}
		list = append(list, id(g.calls[t].local[p]).Add(typ))
	}
	return list
}

// pass are the arguments of a call; data replaces the bulk.
func (g *generator) pass(t *schema.Transaction, data code) []jen.Code {
	list := []jen.Code{id("ctx")}
	for _, p := range t.Params {
		if p.Bulk != nil && data != nil {
			list = append(list, data)
		} else {
			list = append(list, id(g.calls[t].local[p]))
		}
	}
	return list
}

// frontFunc begins a method of Front.
func (g *generator) frontFunc(name string) code {
	return g.file.Func().Params(id("f").Op("*").Id("Front")).Id(name)
}
