package gen

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

// back makes the interface Back and what stands between it and the ring.
func (g *generator) back() {
	g.backType()
	for _, t := range g.p.Transactions {
		g.requestType(t)
	}
	for _, t := range g.p.Transactions {
		g.responseType(t)
	}
	g.export()
	g.match()
	for _, t := range g.p.Transactions {
		for i, f := range t.Forms {
			g.serve(t, f, i)
		}
	}
}

func (g *generator) backType() {
	g.out.lines(`
	// Back is a device: what a driver implements to serve it. Methods run concurrently
	// only if the option idc.Workers or idc.Queues asks for it, or if there are several
	// front ends. Requests are private copies and have been checked; slices in them and
	// bulk data are valid until the method returns. ctx ends when the connection does.
	`)
	if g.implicit() {
		g.out.line("// An error reaches the front end as its idc.Code, or as idc.Failed if it has none.")
	}
	g.out.line("type Back interface {")
	for _, t := range g.p.Transactions {
		if !t.Option {
			g.backMethod(t)
		}
	}
	g.out.line("}")
	g.out.line("")
	for _, t := range g.p.Transactions {
		if t.Option {
			name := optionName(t)
			g.out.doc(fmt.Sprintf("%s is what a Back also implements if it serves %s. Where it doesn't, %s isn't published.", name, callName(t), t.Feature.Name))
			g.out.line("type %s interface {", name)
			g.backMethod(t)
			g.out.line("}")
			g.out.line("")
		}
	}
}

// optionName is the interface of a transaction that a back end may leave out.
func optionName(t *schema.Transaction) string { return callName(t) + "Back" }

func (g *generator) backMethod(t *schema.Transaction) {
	name, bulk := callName(t), ""
	g.docOr(sentence(name, "", t.Doc), name+" serves a transaction.")
	if b := bulkOf(t); b != nil {
		bulk = ", " + unexported(b.Name) + " *idc.Bulk"
	}
	g.out.line("%s(ctx context.Context, req %sRequest%s) %s", name, name, bulk, g.serves(t))
}

func (g *generator) requestType(t *schema.Transaction) {
	g.out.line("// %sRequest is what %s is asked for.", callName(t), callName(t))
	g.valueStruct(callName(t)+"Request", scalars(t))
}

func (g *generator) responseType(t *schema.Transaction) {
	if len(t.Results) > 1 {
		g.out.line("// %sResponse is what %s answers.", callName(t), callName(t))
		g.valueStruct(callName(t)+"Response", t.Results)
	}
}

func (g *generator) valueStruct(name string, list []*schema.Param) {
	if len(list) == 0 {
		g.out.line("type %s struct{}", name)
		g.out.line("")
		return
	}
	g.out.line("type %s struct {", name)
	for _, p := range list {
		if p.Doc != "" {
			g.out.doc(p.Doc)
		}
		g.out.line("%s %s", exported(p.Name), g.goType(p.Type))
	}
	g.out.line("}")
	g.out.line("")
}

func (g *generator) export() {
	keys, pass, init := "", "", "server{back: back}"
	publish, accept := "func(*idc.KeyWriter) {}", "func(*idc.KeyReader) error { return nil }"
	if g.hasKeys() {
		keys, pass = "keys BackKeys, ", "keys, "
	}
	if len(g.keysOf(schema.Front)) > 0 {
		accept = "accept"
	}
	result := "*idc.Service"
	if g.hasKeys() {
		result = "*Service"
		g.serviceType()
	}
	g.out.lines(`
	// Export serves back under name to every front end that asks, until the service is
	// closed. It cannot fail: a name that can't be had is reported by Service.Ready.
	`)
	g.out.line("func Export(d idc.Domain, name string, %sback Back, opts ...idc.Option) %s {", keys, result)
	if g.hasKeys() {
		publish = "s.publish"
	}
	g.out.line("s := &%s", init)
	if g.hasKeys() {
		g.out.line("s.set(keys)")
	}
	g.out.line("spec := idc.BackSpec{Protocol: &protocol, Publish: %s, Accept: %s, Handle: s.handle}", publish, accept)
	if g.hasKeys() {
		g.out.line("return &Service{idc.NewService(d, name, spec, opts...), s}")
	} else {
		g.out.line("return idc.NewService(d, name, spec, opts...)")
	}
	g.out.line("}")
	g.out.line("")
	g.out.line("// Serve is Export until ctx ends; requests that were taken are answered first.")
	g.out.line("func Serve(ctx context.Context, d idc.Domain, name string, %sback Back, opts ...idc.Option) error {", keys)
	g.out.line("return Export(d, name, %sback, opts...).Serve(ctx)", pass)
	g.out.line("}")
	g.out.line("")
	if accept == "accept" {
		g.out.line("// accept checks what a front end published.")
		g.out.line("func accept(r *idc.KeyReader) error {")
		g.out.line("readFrontKeys(r)")
		g.out.line("return r.Err()")
		g.out.line("}")
		g.out.line("")
	}
	g.out.line("// server decodes and checks requests, has back serve them, and answers.")
	g.out.line("type server struct {")
	g.out.line("back Back")
	if g.hasKeys() {
		g.out.line("keys atomic.Pointer[BackKeys] // what we publish; never nil")
	}
	g.out.line("}")
	g.out.line("")
	if g.hasKeys() {
		g.out.lines(`
		func (s *server) set(keys BackKeys) {
		`)
		g.restrictKeys()
		g.out.lines(`
		keys.complete()
		s.keys.Store(&keys)
		}

		func (s *server) publish(w *idc.KeyWriter) { s.keys.Load().publish(w) }
		`)
		g.out.line("")
	}
}

// restrictKeys leaves those features out that the driver hasn't.
func (g *generator) restrictKeys() {
	for _, t := range g.p.Transactions {
		if t.Option {
			g.out.line("if _, ok := s.back.(%s); !ok {", optionName(t))
			g.out.line("keys.%s = false", exported(t.Feature.Name))
			g.out.line("}")
		}
	}
}

// serviceType makes the type that knows what its keys are.
func (g *generator) serviceType() {
	g.out.lines(`
	// Service is a device that is being served.
	type Service struct {
	*idc.Service
	server *server
	}

	// Update publishes keys instead of those that were published before, at once to front
	// ends that are connected: see Front.Back and idc.OnChange. What a front end has agreed
	// to stays so until it connects again. It doesn't block.
	func (s *Service) Update(keys BackKeys) {
	s.server.set(keys)
	s.Republish()
	}
	`)
	g.out.line("")
}

// hasKeys reports whether a driver decides on anything that its back end publishes.
func (g *generator) hasKeys() bool { return len(g.keysOf(schema.Back)) > 0 }

func (g *generator) serverName(t *schema.Transaction, form int) string {
	if len(t.Forms) == 1 {
		return unexported(t.Name)
	}
	return unexported(t.Name + "_" + t.Forms[form].Name)
}

// serve makes the function that serves one form of a transaction.
func (g *generator) serve(t *schema.Transaction, f *schema.Form, i int) {
	g.out.line("func (s *server) %s(r *idc.Request) {", g.serverName(t, i))
	if g.varies(f.Request) || g.arraysMove(f) || g.varies(f.Response) || !g.same(f.Response.Size) {
		g.out.line("abi := r.ABI()")
	}
	g.out.line("var m %s", g.structName(f.Request))
	get := fmt.Sprintf("m.get(r.Slot()%s)", g.passABI(f.Request))
	if g.canFail(f.Request) {
		get = "ok := " + get
	}
	g.out.line("%s", get)
	g.out.line("rsp := %s{%s}", g.structName(f.Response), strings.Join(g.replyValues(f), ", "))
	if t.Feature != nil && g.hasKeys() {
		g.out.line("switch {")
		g.out.line("case !s.keys.Load().%s:", exported(t.Feature.Name))
		g.out.line("rsp.%s = %s", g.statusField(f), g.role(schema.Unsupported))
		if cond := g.wellFormed(t, f); cond != "" {
			g.out.line("case %s:", cond)
		} else {
			g.out.line("default:")
		}
		g.handle(t, f)
		g.out.line("}")
	} else if cond := g.wellFormed(t, f); cond != "" {
		g.out.line("if %s {", cond)
		g.handle(t, f)
		g.out.line("}")
	} else {
		g.handle(t, f)
	}
	g.then(f)
	g.out.line("rsp.put(r.Respond(%s)%s)", g.sizeExpr(f.Response), g.passABI(f.Response))
	g.out.line("}")
	g.out.line("")
}

// then serves what another front end may have put into the same request.
func (g *generator) then(f *schema.Form) {
	if f.Then == nil {
		return
	}
	second, form := f.Then.Transaction, f.Then.Form
	status := "rsp." + g.statusField(f)
	g.out.line("if %s == %s && m.%s > 0 { // and then %s", status, g.role(schema.Success), g.field(f.Request, form.Segments[0].Count.Leaf()), callName(second))
	g.out.line("%s = %s", status, g.role(schema.Malformed))
	g.out.line("if %s {", g.wellFormed(second, form))
	g.handle(second, form)
	g.out.line("}")
	g.out.line("}")
}

// wellFormed is the condition under which a request may be served, or nothing.
func (g *generator) wellFormed(t *schema.Transaction, f *schema.Form) string {
	var terms []string
	if g.canFail(f.Request) {
		terms = append(terms, "ok")
	}
	for i := range f.Segments {
		bind := &f.Segments[i]
		count := "m." + g.field(f.Request, bind.Count.Leaf())
		if t.Split != nil { // what is split is never empty
			terms = append(terms, count+" > 0")
		}
		if f.Limit != nil && g.hasKeys() {
			terms = append(terms, fmt.Sprintf("uint32(%s) <= s.keys.Load().%s", count, exported(f.Limit.Name)))
		}
		take := "takeSegments"
		if bind.Pages > 0 {
			take = "takeSegmentPages"
		}
		terms = append(terms, fmt.Sprintf("%s(r, %s, int(%s))", take, g.arrayExpr(f.Request, bind, "r.Slot()"), count))
	}
	return strings.Join(terms, " && ")
}

// replyValues are the fields of the response's image before the handler has run.
func (g *generator) replyValues(f *schema.Form) (values []string) {
	for _, b := range f.Reply {
		if v := g.replyValue(f.Request, b, g.role(schema.Malformed)); v != "" {
			values = append(values, g.field(f.Response, b.Path.Leaf())+": "+v)
		}
	}
	return values
}

func (g *generator) replyValue(req *schema.Struct, b schema.Bind, status string) string {
	switch b.Source.Kind {
	case schema.FromConst:
		return g.constant(b.Path.Leaf().Type, b.Source)
	case schema.FromID:
		return "m." + g.field(req, g.p.Rings[0].Request(req).ID.Leaf())
	case schema.FromRequest:
		return "m." + g.field(req, b.Source.Path.Leaf())
	case schema.FromStatus:
		return status
	}
	return ""
}

// handle maps bulk data, calls the driver and keeps what it returns.
func (g *generator) handle(t *schema.Transaction, f *schema.Form) {
	b, data := bulkOf(t), ""
	if b != nil {
		data = ", " + unexported(b.Name)
		most := ""
		if b.Bulk.Max > 0 {
			most = fmt.Sprintf(" && %s.Len() <= %d", unexported(b.Name), b.Bulk.Max)
		}
		g.out.line("if %s, err := r.Map(%s); err == nil%s {", unexported(b.Name), direction(b), most)
	}
	var fields []string
	for _, p := range scalars(t) {
		fields = append(fields, fmt.Sprintf("%s: m.%s", exported(p.Name), g.paramField(f, p)))
	}
	req := fmt.Sprintf("%sRequest{%s}", callName(t), strings.Join(fields, ", "))
	back := "s.back"
	if t.Option { // without it the feature isn't published, and we don't come here
		back += ".(" + optionName(t) + ")"
	}
	g.keep(t, f, fmt.Sprintf("%s.%s(r.Context(), %s%s)", back, callName(t), req, data))
	if b != nil {
		if direction(b) == "idc.Out" {
			g.out.line("if %s.Deliver() != nil {", unexported(b.Name))
			g.out.line("rsp.%s = %s // the front end can't have it", g.statusField(f), g.role(schema.Malformed))
			g.out.line("}")
		}
		g.out.line("}")
	}
}

// paramField is the field of the request's image that holds an argument.
func (g *generator) paramField(f *schema.Form, p *schema.Param) string {
	for _, b := range f.Set {
		if b.Source.Kind == schema.FromParam && b.Source.Param == p {
			return g.field(f.Request, b.Path.Leaf())
		}
	}
	return unexported(p.Name)
}

// keep stores the outcome of a handler in the response's image.
func (g *generator) keep(t *schema.Transaction, f *schema.Form, call string) {
	status := "rsp." + g.statusField(f)
	if len(t.Results) == 0 {
		if g.implicit() {
			call = "idc.CodeOf(" + call + ")"
		}
		g.out.line("%s = %s", status, call)
		return
	}
	outcome := "status"
	if g.implicit() {
		outcome = "err"
	}
	g.out.line("result, %s := %s", outcome, call)
	var to, from []string
	for _, p := range t.Results {
		to = append(to, "rsp."+g.resultField(t, p))
		if len(t.Results) > 1 {
			from = append(from, "result."+exported(p.Name))
		} else {
			from = append(from, "result")
		}
	}
	g.out.line("%s = %s", strings.Join(to, ", "), strings.Join(from, ", "))
	if g.implicit() {
		outcome = "idc.CodeOf(err)"
	}
	g.out.line("%s = %s", status, outcome)
	for i, p := range t.Results {
		if p.Type.Count != nil {
			g.out.line("if len(%s) > %d {", from[i], p.Type.Max)
			g.out.line("%s = %s // the driver's mistake", status, g.role(schema.Failure))
			g.out.line("}")
		}
	}
}
