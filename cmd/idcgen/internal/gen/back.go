package gen

import (
	"fmt"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// back makes the interface Back and what stands between it and the ring.
func (g *generator) back() {
	g.backType()
	for _, t := range g.p.Transactions {
		name := g.calls[t].name
		doc(g.file, name+"Request is what "+name+" is asked for.")
		g.valueStruct(name+"Request", g.calls[t].scalars)
	}
	for _, t := range g.p.Transactions {
		if name := g.calls[t].name; len(t.Results) > 1 {
			doc(g.file, name+"Response is what "+name+" answers.")
			g.valueStruct(name+"Response", t.Results)
		}
	}
	g.export()
	g.server()
	g.match()
	for _, t := range g.p.Transactions {
		for i, f := range t.Forms {
			g.serve(t, f, g.calls[t].serve[i])
		}
	}
}

func (g *generator) backType() {
	f := g.file
	doc(f, `Back is a device: what a driver implements to serve it. Methods run concurrently, and
so not in the order of the requests; see idc.Workers. One that panics costs its request;
see idc.DieOnPanic. Requests are private copies and have been checked; slices in them and
bulk data are valid until the method returns. ctx ends when the connection does.`)
	if g.implicit() {
		doc(f, "An error reaches the front end as its idc.Code, or as idc.Failed if it has none.")
	}
	f.Type().Id("Back").InterfaceFunc(func(out *jen.Group) {
		for _, t := range g.p.Transactions {
			if !t.Option {
				g.backMethod(out, t)
			}
		}
	})
	f.Line()
	for _, t := range g.p.Transactions {
		if t.Option {
			name := g.names.Option(t)
			doc(f, fmt.Sprintf("%s is what a Back also implements if it serves %s. Where it doesn't, %s isn't published.", name, g.names.Of(t), t.Feature.Name))
			f.Type().Id(name).InterfaceFunc(func(out *jen.Group) { g.backMethod(out, t) })
			f.Line()
		}
	}
}

func (g *generator) backMethod(out *jen.Group, t *schema.Transaction) {
	m := g.calls[t]
	doc(out, or(sentence(m.name, "", t.Doc), m.name+" serves a transaction."))
	params := []jen.Code{ctxParam(), id("req").Id(m.name + "Request")}
	if m.bulk != nil {
		params = append(params, id(m.local[m.bulk]).Op("*").Add(idc("Bulk")))
	}
	out.Id(m.name).Params(params...).Add(returns(g.served(t)))
}

func (g *generator) valueStruct(name string, list []*schema.Param) {
	if len(list) == 0 {
		g.file.Type().Id(name).Struct()
		g.file.Line()
		return
	}
	g.file.Type().Id(name).StructFunc(func(out *jen.Group) {
		for _, p := range list {
			if p.Doc != "" {
				doc(out, p.Doc)
			}
			out.Id(g.names.Of(p)).Add(g.goType(p.Type))
		}
	})
	g.file.Line()
}

func (g *generator) export() {
	f := g.file
	var keys, pass []jen.Code
	result := jen.Op("*").Add(idc("Service"))
	if g.hasKeys() {
		keys, pass, result = []jen.Code{id("keys").Id("BackKeys")}, []jen.Code{id("keys")}, jen.Op("*").Id("Service")
		g.serviceType()
	}
	front := len(g.keysOf(schema.Front)) > 0
	publish, accept := emptyPublish(), jen.Func().Params(jen.Op("*").Add(idc("KeyReader"))).Error().Block(jen.Return(jen.Nil()))
	if g.hasKeys() {
		publish = id("s").Dot("publish")
	}
	if front {
		accept = id("accept")
	}
	params := append(keys, id("back").Id("Back"))
	doc(f, "Export serves back under name to every front end that asks, until the service is\nclosed. It cannot fail: a name that can't be had is reported by Service.Ready.")
	f.Func().Id("Export").Params(optionParams(params...)...).Add(result).BlockFunc(func(out *jen.Group) {
		out.Id("s").Op(":=").Op("&").Id("server").Values(id("back").Op(":").Id("back"))
		if g.hasKeys() {
			out.Id("s").Dot("set").Call(id("keys"))
		}
		out.Id("spec").Op(":=").Add(idc("BackSpec")).Values(id("Protocol").Op(":").Op("&").Id("protocol"), id("Publish").Op(":").Add(publish),
			id("Accept").Op(":").Add(accept), id("Handle").Op(":").Id("s").Dot("handle"))
		service := idc("NewService").Call(id("d"), id("name"), id("spec"), id("opts").Op("..."))
		if g.hasKeys() {
			service = jen.Op("&").Id("Service").Values(service, id("s"))
		}
		out.Return(service)
	})
	f.Line()
	doc(f, "Serve is Export until ctx ends; requests that were taken are answered first.")
	f.Func().Id("Serve").Params(append([]jen.Code{ctxParam()}, optionParams(params...)...)...).Error().Block(
		jen.Return(id("Export").Call(append(append([]jen.Code{id("d"), id("name")}, pass...), id("back"), id("opts").Op("..."))...).Dot("Serve").Call(id("ctx"))))
	f.Line()
	if front {
		doc(f, "accept checks what a front end published.")
		f.Func().Id("accept").Params(readerParam()).Error().Block(
			call("readFrontKeys", id("r")),
			jen.Return(id("r").Dot("Err").Call()))
		f.Line()
	}
}

// serviceType makes the type that knows what its keys are.
func (g *generator) serviceType() {
	f := g.file
	doc(f, "Service is a device that is being served.")
	f.Type().Id("Service").Struct(jen.Op("*").Add(idc("Service")), id("server").Op("*").Id("server"))
	f.Line()
	doc(f, "Update publishes keys instead of those that were published before, at once to front\nends that are connected: see Front.Back and idc.OnChange. What a front end has agreed\nto stays so until it connects again. It doesn't block.")
	f.Func().Params(id("s").Op("*").Id("Service")).Id("Update").Params(id("keys").Id("BackKeys")).Block(
		id("s").Dot("server").Dot("set").Call(id("keys")),
		id("s").Dot("Republish").Call())
	f.Line()
}

// server makes the type that stands between the ring and a Back.
func (g *generator) server() {
	f := g.file
	doc(f, "server decodes and checks requests, has back serve them, and answers.")
	f.Type().Id("server").StructFunc(func(out *jen.Group) {
		out.Id("back").Id("Back")
		if g.hasKeys() {
			out.Id("keys").Add(std("atomic", "Pointer")).Types(id("BackKeys")).Comment("// what we publish; never nil")
		}
	})
	f.Line()
	if !g.hasKeys() {
		return
	}
	f.Func().Params(id("s").Op("*").Id("server")).Id("set").Params(id("keys").Id("BackKeys")).BlockFunc(func(out *jen.Group) {
		for _, t := range g.p.Transactions { // what the driver hasn't isn't offered
			if t.Option {
				out.If(jen.List(id("_"), id("ok")).Op(":=").Id("s").Dot("back").Assert(id(g.names.Option(t))), jen.Op("!").Id("ok")).Block(
					id("keys").Dot(g.keyField(t.Feature)).Op("=").False())
			}
		}
		out.Id("keys").Dot("complete").Call()
		out.Id("s").Dot("keys").Dot("Store").Call(jen.Op("&").Id("keys"))
	})
	f.Line()
	f.Func().Params(id("s").Op("*").Id("server")).Id("publish").Params(id("w").Op("*").Add(idc("KeyWriter"))).Block(
		id("s").Dot("keys").Dot("Load").Call().Dot("publish").Call(id("w")))
	f.Line()
}
