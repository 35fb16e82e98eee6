package gen

import (
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// front makes the type Front and its methods.
func (g *generator) front() {
	g.slotSizes()
	g.frontType()
	g.newFront()
	g.frontMethods()
	g.negotiate()
	if slices.ContainsFunc(g.p.Transactions, onlyOffered) {
		g.offers()
	}
	for _, t := range g.p.Transactions {
		g.call(t)
	}
	if g.raggedUsed() {
		doc(g.file, "ragged is the error for bulk data that isn't made of whole pieces.")
		g.file.Func().Id("ragged").Params(id("n").Int(), id("piece").Int()).Error().Block(
			jen.Return(std("fmt", "Errorf").Call(jen.Lit(g.p.Name+": %d bytes of bulk data: the length must be a multiple of %d"), id("n"), id("piece"))))
		g.file.Line()
	}
}

func (g *generator) frontType() {
	f := g.file
	doc(f, fmt.Sprintf(`Front is a front end of %s: the user of a device. Its methods may be called by
any number of goroutines at once. Arguments that are slices are lent from the call
to its return, or to the callback. Errors are about the connection, ctx or the
arguments; see the errors of package idc.`, g.p.Name))
	f.Type().Id("Front").StructFunc(func(out *jen.Group) {
		out.Id("end").Op("*").Add(idc("Front"))
		if g.reads() {
			out.Id("back").Add(std("atomic", "Pointer")).Types(id("BackKeys")).Comment("// nil before the first connection")
		}
		out.Id("slots").Index().Id("frontSlot").Comment("// by Txn.Index")
		out.Line()
		doc(out, "Method values, bound once so that calls allocate nothing.")
		for _, t := range g.p.Transactions {
			name := g.calls[t].name
			out.List(id("encoder"+name), id("finisher"+name)).Func().Params(jen.Op("*").Add(idc("Txn")))
		}
	})
	f.Line()
	doc(f, "frontSlot is what a transaction keeps, so that it can be encoded again.")
	f.Type().Id("frontSlot").StructFunc(func(out *jen.Group) {
		for _, a := range g.args {
			out.Id(a.field).Add(g.goType(a.typ))
		}
		for _, o := range g.outcomes {
			out.Id(o.field).Add(g.callback(o.t))
		}
		if slices.ContainsFunc(g.p.Transactions, func(t *schema.Transaction) bool { return len(g.calls[t].replies) > 1 }) {
			out.Id("form").Uint8().Comment("// that was sent, where answers to others look different")
		}
	})
	f.Line()
}

// optionParams are the parameters of what makes an end.
func optionParams(more ...jen.Code) []jen.Code {
	list := append([]jen.Code{id("d").Add(idc("Domain")), id("name").String()}, more...)
	return append(list, id("opts").Op("...").Add(idc("Option")))
}

func (g *generator) newFront() {
	f := g.file
	doc(f, "NewFront makes a front end of the device that is called name. It cannot fail, and\nconnects on its own whenever there is a back end of that name, until Close.")
	f.Func().Id("NewFront").Params(optionParams()...).Op("*").Id("Front").BlockFunc(func(out *jen.Group) {
		out.Id("f").Op(":=").New(id("Front"))
		for _, t := range g.p.Transactions {
			name := g.calls[t].name
			out.List(id("f").Dot("encoder"+name), id("f").Dot("finisher"+name)).Op("=").List(id("f").Dot("encode"+name), id("f").Dot("done"+name))
		}
		publish := emptyPublish()
		if len(g.keysOf(schema.Front)) > 0 {
			publish = id("FrontKeys").Values().Dot("publish")
		}
		spec := []jen.Code{id("Protocol").Op(":").Op("&").Id("protocol"), id("Publish").Op(":").Add(publish), id("Negotiate").Op(":").Id("f").Dot("negotiate")}
		if g.reads() {
			spec = append(spec, id("Refresh").Op(":").Id("f").Dot("refresh"))
		}
		out.Id("spec").Op(":=").Add(idc("FrontSpec")).Values(spec...)
		out.Id("f").Dot("end").Op("=").Add(idc("NewFront")).Call(id("d"), id("name"), id("spec"), id("opts").Op("..."))
		out.Id("f").Dot("slots").Op("=").Make(jen.Index().Id("frontSlot"), id("f").Dot("end").Dot("Depth").Call())
		out.Return(id("f"))
	})
	f.Line()
	doc(f, "Open is NewFront, and waits until the front end is connected.")
	open := append([]jen.Code{ctxParam()}, optionParams()...)
	f.Func().Id("Open").Params(open...).Params(jen.Op("*").Id("Front"), jen.Error()).Block(
		id("f").Op(":=").Id("NewFront").Call(id("d"), id("name"), id("opts").Op("...")),
		jen.If(jen.Err().Op(":=").Id("f").Dot("Connected").Call(id("ctx")), jen.Err().Op("!=").Nil()).Block(
			id("f").Dot("Close").Call(),
			jen.Return(jen.Nil(), jen.Err())),
		jen.Return(id("f"), jen.Nil()))
	f.Line()
}

func emptyPublish() code { return jen.Func().Params(jen.Op("*").Add(idc("KeyWriter"))).Block() }

func (g *generator) frontMethods() {
	f := g.file
	end := func(name string, args ...jen.Code) code {
		return jen.Return(id("f").Dot("end").Dot(name).Call(args...))
	}
	doc(f, "Connected waits until the front end is connected. Its error says what is missing.")
	g.frontFunc("Connected").Params(ctxParam()).Error().Block(end("Connected", id("ctx")))
	f.Line()
	doc(f, "Close ends the front end. What is under way ends with idc.ErrClosed.")
	g.frontFunc("Close").Params().Error().Block(end("Close"))
	f.Line()
	doc(f, "Poll ends the transactions whose answers are there, without sleeping, and returns\nhow many those were.")
	g.frontFunc("Poll").Params().Int().Block(end("Poll"))
	f.Line()
	if g.hasKeys() {
		doc(f, "Back returns what the back end published last, on this connection or an earlier one.")
		g.frontFunc("Back").Params().Id("BackKeys").Block(
			jen.If(id("k").Op(":=").Id("f").Dot("back").Dot("Load").Call(), id("k").Op("!=").Nil()).Block(jen.Return(jen.Op("*").Id("k"))),
			jen.Return(id("BackKeys").Values()))
		f.Line()
	}
	if g.maxSegments() == 0 {
		return
	}
	doc(f, "Alloc returns memory that is shared with the back end, so that bulk data in it\nneedn't be copied.")
	g.frontFunc("Alloc").Params(id("bytes").Int()).Params(jen.Op("*").Add(idc("Buffer")), jen.Error()).Block(end("Alloc", id("bytes")))
	f.Line()
	doc(f, "MaxBulk is how many bytes one request carries, as of the latest connection, and so\nthe most that an asynchronous call takes. Bulk data in shared memory that doesn't\nbegin with a page may need a page more.")
	g.frontFunc("MaxBulk").Params().Int().Block(
		jen.Return(id("f").Dot("end").Dot("MaxSegments").Call().Op("*").Add(num(schema.PageSize))))
	f.Line()
}

func readerParam() code { return id("r").Op("*").Add(idc("KeyReader")) }

// ifErr returns values if there was an error.
func ifErr(values ...jen.Code) code {
	return jen.If(jen.Err().Op("!=").Nil()).Block(jen.Return(values...))
}

func ifReaderFailed(values ...jen.Code) code {
	return jen.If(jen.Err().Op(":=").Id("r").Dot("Err").Call(), jen.Err().Op("!=").Nil()).Block(jen.Return(values...))
}

// negotiate reads what the back end offers, at each connection.
func (g *generator) negotiate() {
	results := jen.Params(id("maxSegments").Int(), jen.Err().Error())
	if !g.reads() {
		g.frontFunc("negotiate").Params(jen.Op("*").Add(idc("KeyReader"))).Add(results).Block(jen.Return(num(g.maxSegments()), jen.Nil()))
		g.file.Line()
		return
	}
	g.frontFunc("negotiate").Params(readerParam()).Add(results).BlockFunc(func(out *jen.Group) {
		out.Id("k").Op(":=").Id("readBackKeys").Call(id("r"))
		out.Add(ifReaderFailed(num(0), jen.Err()))
		out.Id("f").Dot("back").Dot("Store").Call(jen.Op("&").Id("k"))
		if g.maxSegments() == 0 {
			out.Return(num(0), jen.Nil())
			return
		}
		g.negotiateSegments(out)
	})
	g.file.Line()
	doc(g.file, "refresh takes up what the back end published anew while connected.")
	g.frontFunc("refresh").Params(readerParam()).Params(id("changed").Bool(), jen.Err().Error()).Block(
		id("k").Op(":=").Id("readBackKeys").Call(id("r")),
		ifReaderFailed(jen.False(), jen.Err()),
		id("old").Op(":=").Id("f").Dot("back").Dot("Swap").Call(jen.Op("&").Id("k")),
		jen.Return(id("old").Op("==").Nil().Op("||").Op("*").Id("old").Op("!=").Id("k"), jen.Nil()))
	g.file.Line()
}

// offers makes the method that waits for the back end's keys.
func (g *generator) offers() {
	doc(g.file, "offers returns what the back end publishes, as soon as that is known.")
	g.frontFunc("offers").Params(ctxParam()).Params(jen.Op("*").Id("BackKeys"), jen.Error()).Block(
		jen.For().Block(
			jen.If(id("k").Op(":=").Id("f").Dot("back").Dot("Load").Call(), id("k").Op("!=").Nil()).Block(jen.Return(id("k"), jen.Nil())),
			jen.If(jen.Err().Op(":=").Id("f").Dot("end").Dot("Connected").Call(id("ctx")), jen.Err().Op("!=").Nil()).Block(jen.Return(jen.Nil(), jen.Err()))))
	g.file.Line()
}
