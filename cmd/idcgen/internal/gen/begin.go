package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// call makes the methods of one transaction.
func (g *generator) call(t *schema.Transaction) {
	m := g.calls[t]
	doc(g.file, or(sentence(m.name, "", t.Doc), m.name+" is a transaction."))
	doc(g.file, "")
	g.callDoc(t)
	g.frontFunc(m.name).Params(g.params(t)...).Add(returns(g.returned(t))).BlockFunc(func(out *jen.Group) {
		if t.Split != nil {
			g.whole(out, t, func(err code) []jen.Code { return g.fails(t, err) })
			g.startFits(out, t)
		}
		g.whenOffered(out, t, func(err code) code { return jen.Return(g.fails(t, err)...) }, jen.Return(g.unsupported(t)...))
		if t.Split != nil {
			g.split(out, t)
		} else {
			g.once(out, t)
		}
	})
	g.file.Line()
	if t.Split != nil {
		doc(g.file, "once"+m.name+" is one request of "+m.name+".")
		g.frontFunc("once" + m.name).Params(g.params(t)...).Add(returns(g.returned(t))).BlockFunc(func(out *jen.Group) { g.once(out, t) })
		g.file.Line()
	}
	g.async(t)
	g.room(t)
	g.begin(t)
	g.finish(t)
	g.done(t)
	g.encode(t)
}

func (g *generator) callDoc(t *schema.Transaction) {
	m := g.calls[t]
	if t.Replay {
		doc(g.file, "It is sent again after a reconnect.")
	} else {
		doc(g.file, "It fails with idc.ErrDisconnected if the connection is lost meanwhile.")
	}
	if piece := grainFor(t); m.bulk != nil && piece > 1 {
		text := fmt.Sprintf("The length of %s is a multiple of %d bytes", m.local[m.bulk], piece)
		if t.Split != nil {
			text += "; it may take several requests, of which the first that fails is the last"
		}
		doc(g.file, text+".")
	}
	switch {
	case t.Feature != nil:
		doc(g.file, fmt.Sprintf("Where the back end doesn't publish %s it ends with %s, unsent.", t.Feature.Name, g.unsupportedName()))
	case onlyOffered(t):
		doc(g.file, fmt.Sprintf("Where the back end offers none of its forms it ends with %s, unsent.", g.unsupportedName()))
	}
}

func (g *generator) unsupportedName() string {
	if g.implicit() {
		return "idc.Unsupported"
	}
	return g.names.Of(g.p.Status.Role(schema.Unsupported))
}

// grainFor is what the length of t's bulk is a multiple of.
func grainFor(t *schema.Transaction) int {
	n := 1
	for _, f := range t.Forms {
		for _, s := range f.Segments {
			n = max(n, grainOf(s.Elem))
		}
	}
	return n
}

// whenOffered emits the check that the back end knows t at all.
func (g *generator) whenOffered(out *jen.Group, t *schema.Transaction, fail func(err code) code, unsupported ...jen.Code) {
	if !onlyOffered(t) {
		return
	}
	out.If(jen.List(id("k"), jen.Err()).Op(":=").Id("f").Dot("offers").Call(id("ctx")), jen.Err().Op("!=").Nil()).Block(
		fail(jen.Err())).Else().If(g.missing(t)).Block(unsupported...)
}

// whole emits the check that bulk data is made of whole pieces.
func (g *generator) whole(out *jen.Group, t *schema.Transaction, fail func(err code) []jen.Code) {
	m := g.calls[t]
	if m.bulk == nil {
		return
	}
	for _, piece := range g.pieces(t) {
		data := id(m.local[m.bulk])
		out.If(jen.Len(data).Op("%").Add(num(piece)).Op("!=").Lit(0)).Block(
			jen.Return(fail(call("ragged", jen.Len(id(m.local[m.bulk])), num(piece)))...))
	}
}

// pieces are the numbers of bytes that the length of t's bulk has to be a multiple of: of the segments, and of the units in
// which its length is sent.
func (g *generator) pieces(t *schema.Transaction) (list []int) {
	add := func(n int) {
		for _, have := range list {
			if have%n == 0 {
				return
			}
		}
		if n > 1 {
			list = append(list, n)
		}
	}
	if g.calls[t].bulk == nil {
		return nil
	}
	add(grainFor(t))
	for _, f := range t.Forms {
		for _, b := range f.Set {
			if b.Source.Kind == schema.FromLength {
				add(unitBytes(b.Path.Type().Unit))
			}
		}
	}
	return list
}

func unitBytes(u *schema.Unit) int {
	if u == nil {
		return 1
	}
	return max(1, int(u.Bytes))
}

// raggedUsed reports whether any call checks for whole pieces.
func (g *generator) raggedUsed() bool {
	for _, t := range g.p.Transactions {
		if len(g.pieces(t)) > 0 {
			return true
		}
	}
	return false
}

// once emits what sends one request and waits for its answer.
func (g *generator) once(out *jen.Group, t *schema.Transaction) {
	name := g.calls[t].name
	out.List(id("t"), jen.Err()).Op(":=").Id("f").Dot("begin" + name).Call(g.pass(t, nil)...)
	out.Add(ifErr(g.fails(t, jen.Err())...))
	out.If(jen.Err().Op(":=").Id("t").Dot("Run").Call(id("ctx"), id("f").Dot("encoder"+name), jen.Lit(t.Replay)), jen.Err().Op("!=").Nil()).Block(
		jen.Return(g.fails(t, jen.Err())...))
	out.Return(id("f").Dot("finish" + name).Call(id("t")))
}

// split emits what sends bulk data of any length, one request after the other. A reconnect to a back end that takes less makes
// a request too long: then what is left is cut anew.
func (g *generator) split(out *jen.Group, t *schema.Transaction) {
	m := g.calls[t]
	start, unit := m.local[t.Split.Start], unitBytes(t.Split.Start.Type.Unit)
	piece := max(unit, grainFor(t)) // one is a multiple of the other
	data := func() code { return id(m.local[m.bulk]) }
	left := func() code { return jen.Len(data()) }
	out.For(left().Op(">").Lit(0)).BlockFunc(func(out *jen.Group) {
		out.List(id("n"), jen.Err()).Op(":=").Id("f").Dot("end").Dot("Carry").Call(id("ctx"), data(), g.roomExpr(t))
		out.Add(ifErr(g.fails(t, jen.Err())...))
		g.cut(out, t, piece, left)
		once := id("f").Dot("once" + m.name).Call(g.pass(t, data().Index(jen.Op(":").Id("n")))...)
		failed, fail := jen.Err().Op("!=").Nil(), []jen.Code{jen.Err()}
		if g.implicit() {
			out.Err().Op("=").Add(once)
		} else {
			out.List(id("status"), jen.Err()).Op(":=").Add(once)
			failed = failed.Op("||").Id("status").Op("!=").Add(g.role(schema.Success))
			fail = []jen.Code{id("status"), jen.Err()}
		}
		out.If(std("errors", "Is").Call(jen.Err(), idc("ErrTooLong")).Op("&&").Id("n").Op(">").Add(num(piece))).Block(
			jen.Continue().Comment("// after a reconnect to a back end that takes less at once"))
		out.If(failed).Block(jen.Return(fail...))
		advance := id("n")
		if unit > 1 {
			advance = id("n").Op("/").Add(num(unit))
		}
		out.Id(start).Op("+=").Add(g.goType(t.Split.Start.Type)).Call(advance)
		out.Add(data()).Op("=").Add(data()).Index(id("n"), jen.Empty())
	})
	if g.implicit() {
		out.Return(jen.Nil())
	} else {
		out.Return(g.role(schema.Success), jen.Nil())
	}
}

// cut emits what makes n, the bytes that a request carries, a number after which the next can start: whole units, which the
// argument that is advanced counts.
func (g *generator) cut(out *jen.Group, t *schema.Transaction, unit int, left func() code) {
	limit := t.Split.Bulk.Bulk.Max
	if n := g.lengthLimit(t); n > 0 && (limit == 0 || n < limit) {
		limit = n
	}
	if limit > 0 {
		out.Id("n").Op("=").Min(id("n"), num(int(limit)))
	}
	if limit == 0 && grainFor(t) == unit {
		return
	}
	out.If(id("n").Op("<").Add(left())).Block(
		id("n").Op("=").Max(id("n").Op("-").Id("n").Op("%").Add(num(unit)), num(unit)).Comment("// so that the next part starts at a whole unit"),
		id("n").Op("=").Min(id("n"), left()))
}

// lengthLimit is the most bytes whose number the fields for it can hold, or 0.
func (g *generator) lengthLimit(t *schema.Transaction) (most int64) {
	for _, f := range t.Forms {
		for _, b := range f.Set {
			typ := b.Path.Type()
			if b.Source.Kind != schema.FromLength || typ.Size >= 8 && b.Path.Bits == nil {
				continue
			}
			n := int64(topOf(b.Path)) * int64(unitBytes(typ.Unit))
			if n < 1<<31 && (most == 0 || n < most) {
				most = n
			}
		}
	}
	return most
}

// topOf is the greatest number that the place at a path holds.
func topOf(p *schema.Path) uint64 {
	if p.Bits != nil {
		return p.Bits.Mask() >> p.Bits.Shift
	}
	_, top := schema.Range(p.Leaf().Type.Size, p.Leaf().Type.Signed)
	return top.Bits()
}

// startFits emits the check that the argument that is advanced doesn't overflow.
func (g *generator) startFits(out *jen.Group, t *schema.Transaction) {
	m, typ := g.calls[t], t.Split.Start.Type
	if typ.Size >= 8 {
		return
	}
	g.range_ = true
	_, top := schema.Range(typ.Size, typ.Signed)
	data, start := m.local[m.bulk], m.local[t.Split.Start]
	last := jen.Int64().Call(jen.Len(id(data)).Op("-").Lit(1)).Op("/").Add(num(unitBytes(typ.Unit)))
	out.If(jen.Len(id(data)).Op(">").Lit(0).Op("&&").Int64().Call(id(start)).Op("+").Add(last).Op(">").Add(lit(top))).Block(
		jen.Return(g.fails(t, call("outOfRange", jen.Lit(t.Split.Start.Name), id(start)))...))
}

// async makes the form of the call that doesn't wait.
func (g *generator) async(t *schema.Transaction) {
	m := g.calls[t]
	doc(g.file, fmt.Sprintf("%sAsync is %s for callers that don't wait: it waits at most for a free slot. If it\nreturns nil, done is called once, which must not block.", m.name, m.name))
	if t.Split != nil {
		doc(g.file, "One request must carry all of "+m.local[m.bulk]+": see MaxBulk.")
	}
	params := append(g.params(t), id("done").Add(g.callback(t)))
	g.frontFunc(m.name + "Async").Params(params...).Error().BlockFunc(func(out *jen.Group) {
		g.whenOffered(out, t, func(err code) code { return jen.Return(err) },
			id("done").Call(g.unsupported(t)...), jen.Return(jen.Nil()))
		out.List(id("t"), jen.Err()).Op(":=").Id("f").Dot("begin" + m.name).Call(g.pass(t, nil)...)
		out.Add(ifErr(jen.Err()))
		out.Id("f").Dot("slots").Index(id("t").Dot("Index").Call()).Dot(m.done).Op("=").Id("done")
		out.Id("t").Dot("Start").Call(id("f").Dot("encoder"+m.name), id("f").Dot("finisher"+m.name), jen.Lit(t.Replay))
		out.Return(jen.Nil())
	})
	g.file.Line()
}

// varied reports whether how many segments t has depends on what the back end offers.
func varied(t *schema.Transaction) bool { return most(t) > always(t) }

// roomExpr is how many segments the bulk of t may have.
func (g *generator) roomExpr(t *schema.Transaction) code {
	if varied(t) {
		return id("f").Dot("room" + g.calls[t].name).Call()
	}
	return num(most(t))
}

// room makes the method that says how many segments the bulk of t may have, where that depends on the back end.
func (g *generator) room(t *schema.Transaction) {
	if !varied(t) {
		return
	}
	name := "room" + g.calls[t].name
	doc(g.file, name+" is how many pieces of pages one request carries; before the first connection, the most.")
	g.frontFunc(name).Params().Int().BlockFunc(func(out *jen.Group) {
		out.Id("k").Op(":=").Id("f").Dot("back").Dot("Load").Call()
		out.If(id("k").Op("==").Nil()).Block(jen.Return(num(most(t))))
		out.Id("room").Op(":=").Add(num(always(t)))
		for _, f := range t.Forms {
			if conditional(f) {
				g.growRoom(out, f, "room")
			}
		}
		out.Return(id("room"))
	})
	g.file.Line()
}

// begin takes a transaction and keeps the arguments, once they have been found to fit.
func (g *generator) begin(t *schema.Transaction) {
	m := g.calls[t]
	data, dir := jen.Nil(), num(0)
	if m.bulk != nil {
		data, dir = id(m.local[m.bulk]), direction(m.bulk)
	}
	take := id("f").Dot("end").Dot("Begin").Call(id("ctx"), data, dir, g.roomExpr(t))
	g.frontFunc("begin"+m.name).Params(g.params(t)...).Params(jen.Op("*").Add(idc("Txn")), jen.Error()).BlockFunc(func(out *jen.Group) {
		g.argumentsFit(out, t)
		if len(m.scalars) == 0 {
			out.Return(take)
			return
		}
		out.List(id("t"), jen.Err()).Op(":=").Add(take)
		out.Add(ifErr(jen.Nil(), jen.Err()))
		out.Id("s").Op(":=").Op("&").Id("f").Dot("slots").Index(id("t").Dot("Index").Call())
		for _, p := range m.scalars {
			out.Id("s").Dot(m.kept[p]).Op("=").Id(m.local[p])
		}
		out.Return(id("t"), jen.Nil())
	})
	g.file.Line()
}

func direction(p *schema.Param) code {
	if p.Bulk.From == schema.Back {
		return idc("Out")
	}
	return idc("In")
}

// argumentsFit emits checks of what fields can't hold.
func (g *generator) argumentsFit(out *jen.Group, t *schema.Transaction) {
	m := g.calls[t]
	for _, p := range m.scalars {
		g.tooLong(out, p.Type, named(m.local[p]), jen.Return(jen.Nil(), tooLongError(p)))
		g.bitsFit(out, t, p)
	}
	if m.bulk == nil {
		return
	}
	g.whole(out, t, func(err code) []jen.Code { return []jen.Code{jen.Nil(), err} })
	limit := m.bulk.Bulk.Max
	if n := g.lengthLimit(t); n > 0 && (limit == 0 || n < limit) {
		limit = n
	}
	if limit > 0 {
		out.If(jen.Len(id(m.local[m.bulk])).Op(">").Add(num(int(limit)))).Block(jen.Return(jen.Nil(), idc("ErrTooLong")))
	}
}

// tooLongError is the error of an argument that is longer than its field.
func tooLongError(p *schema.Param) code {
	limit, unit := 0, ""
	switch {
	case p.Type.Kind == schema.ArrayOf && counted(p.Type):
		limit, unit = p.Type.Max, "elements"
	case p.Type.Kind == schema.String, counted(p.Type):
		limit, unit = p.Type.Max, "bytes"
	}
	return idc("TooLong").Call(jen.Lit(p.Name), jen.Lit(limit), jen.Lit(unit))
}

// bitsFit emits the check that a number fits into the bits that it goes to.
func (g *generator) bitsFit(out *jen.Group, t *schema.Transaction, p *schema.Param) {
	top := ^uint64(0)
	for _, f := range t.Forms {
		for _, b := range f.Set {
			if b.Source.Kind == schema.FromParam && b.Source.Param == p && b.Path.Bits != nil {
				top = min(top, topOf(b.Path))
			}
		}
	}
	if top == ^uint64(0) || p.Type.Kind == schema.Bool || top >= mask(8*p.Type.Size) {
		return
	}
	g.range_ = true
	name := g.calls[t].local[p]
	out.If(jen.Uint64().Call(id(name)).Op(">").Add(hex(top))).Block(
		jen.Return(jen.Nil(), call("outOfRange", jen.Lit(p.Name), id(name))))
}
