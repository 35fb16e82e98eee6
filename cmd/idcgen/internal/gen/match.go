package gen

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// candidate is a form that a request may be in, and the function that serves it.
type candidate struct {
	form  *schema.Form
	serve string
}

// tagged is a tag's place and the constant that a form has there.
func (c *candidate) tagged(g *generator, place string) *schema.Bind {
	for i := range c.form.Match {
		if g.tagKey(c.form.Match[i].Path) == place {
			return &c.form.Match[i]
		}
	}
	return nil
}

// tagKey tells the places of tags apart.
func (g *generator) tagKey(p *schema.Path) (key string) {
	for _, a := range g.abis {
		key += itoa(p.Offset(a)) + " "
	}
	if p.Bits != nil {
		key += fmt.Sprint(p.Bits.Shift, p.Bits.Width)
	}
	return key + fmt.Sprint(p.Leaf().Type.Size, p.Leaf().Type.BigEndian)
}

// match makes the function that tells by its tags which form a request is in.
func (g *generator) match() {
	var all []*candidate
	tags := &tags{g: g}
	for _, t := range g.p.Transactions {
		for i, f := range t.Forms {
			all = append(all, &candidate{f, g.calls[t].serve[i]})
			for _, b := range f.Match {
				tags.used = true
				tags.abi = tags.abi || g.moves(&part{paths: []*schema.Path{b.Path}})
			}
		}
	}
	doc(g.file, "handle serves one request.")
	g.file.Func().Params(id("s").Op("*").Id("server")).Id("handle").Params(id("r").Op("*").Add(idc("Request"))).BlockFunc(func(out *jen.Group) {
		if tags.abi {
			out.Id("abi").Op(":=").Id("r").Dot("ABI").Call()
		}
		if tags.used {
			out.Id("b").Op(":=").Id("r").Dot("Slot").Call()
		}
		tags.choose(out, all, nil)
	})
	g.file.Line()
	g.unknown()
}

// tags is the state of writing the choice between forms.
type tags struct {
	g         *generator
	used, abi bool
	count     int // variables so far
}

// choose tells candidates apart by a tag that all of them have and that hasn't been looked at, or else one after the other.
func (t *tags) choose(out *jen.Group, list []*candidate, seen []string) {
	for _, b := range list[0].form.Match {
		key := t.g.tagKey(b.Path)
		if slices.Contains(seen, key) || slices.ContainsFunc(list, func(c *candidate) bool { return c.tagged(t.g, key) == nil }) {
			continue
		}
		t.by(out, list, b.Path, key, append(slices.Clone(seen), key))
		return
	}
	if len(list) > 1 {
		t.oneByOne(out, list, seen)
		return
	}
	out.Id("s").Dot(list[0].serve).Call(id("r"))
}

// by switches by one tag.
func (t *tags) by(out *jen.Group, list []*candidate, path *schema.Path, key string, seen []string) {
	var order []schema.Number
	groups := map[schema.Number][]*candidate{}
	for _, c := range list {
		n := c.tagged(t.g, key).Source.Const
		if groups[n] == nil {
			order = append(order, n)
		}
		groups[n] = append(groups[n], c)
	}
	out.Switch(t.read(out, path)).BlockFunc(func(out *jen.Group) {
		for _, n := range order {
			bind := groups[n][0].tagged(t.g, key)
			out.Case(t.g.constantOfType(path.Type(), t.typed(path, bind))).BlockFunc(func(out *jen.Group) { t.choose(out, groups[n], seen) })
		}
		out.Default().Block(call("unknown", id("r")))
	})
}

// typed is the constant of a bind as one of path's type: two structs may give the same place different types.
func (t *tags) typed(path *schema.Path, b *schema.Bind) *schema.Source {
	src := b.Source
	have, want := b.Path.Type(), path.Type()
	if have.Enum != want.Enum {
		src.Value = nil
	}
	return &src
}

// read is the value of a tag. Where the ABIs have it in different places that takes a variable.
func (t *tags) read(out *jen.Group, path *schema.Path) code {
	p := t.g.readUnchecked(path, nil)
	if !t.g.moves(&p) {
		return t.g.load(at(path, t.g.abis[0]))
	}
	t.count++
	name := "tag"
	if t.count > 1 {
		name += itoa(t.count)
	}
	out.Var().Id(name).Add(t.g.goType(path.Type()))
	t.g.branch(out, []part{t.g.readUnchecked(path, named(name))})
	return id(name)
}

// oneByOne compares all tags of one candidate after the other.
func (t *tags) oneByOne(out *jen.Group, list []*candidate, seen []string) {
	for _, c := range list {
		cond := jen.Null()
		n := 0
		for _, b := range c.form.Match {
			if slices.Contains(seen, t.g.tagKey(b.Path)) {
				continue
			}
			if n > 0 {
				cond.Op("&&")
			}
			n++
			cond.Add(t.read(out, b.Path)).Op("==").Add(t.g.constantOfType(b.Path.Type(), &b.Source))
		}
		serve := []jen.Code{id("s").Dot(c.serve).Call(id("r")), jen.Return()}
		if n == 0 {
			out.Add(serve[0])
			return
		}
		out.If(cond).Block(serve...)
	}
	out.Add(call("unknown", id("r")))
}

// unknown makes the answer to a request that the protocol doesn't have, or not yet.
func (g *generator) unknown() {
	ring := g.p.Rings[0]
	slot, rsp := ring.Requests[0], ring.Responses[0].Struct
	tagged := slices.ContainsFunc(g.p.Transactions, func(t *schema.Transaction) bool {
		return slices.ContainsFunc(t.Forms, func(f *schema.Form) bool { return len(f.Match) > 0 })
	})
	if !tagged {
		return // there is one request, and every request is that one
	}
	a := &asked{echoes: map[string]value{}}
	taken := scopeOf("b", "r", "abi", "status")
	for _, b := range slot.Echo {
		g.repeat(a, taken, slot.Struct, b)
	}
	items := g.replyItems(a, slot.Struct, slot.Echo, nil)
	doc(g.file, "unknown answers a request that this version of the protocol doesn't have.")
	g.file.Func().Id("unknown").Params(id("r").Op("*").Add(idc("Request"))).BlockFunc(func(out *jen.Group) {
		if g.branches(a.parts) || g.needsABI(items) || !g.p.Device.Same(rsp.Size) {
			out.Id("abi").Op(":=").Id("r").Dot("ABI").Call()
		}
		g.ask(out, a, slot.Struct, "")
		out.Id("status").Op(":=").Add(g.role(schema.Unsupported))
		g.respond(out, rsp, items, len(a.parts) == 0)
	})
	g.file.Line()
}
