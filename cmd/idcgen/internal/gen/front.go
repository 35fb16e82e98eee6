package gen

import (
	"fmt"

	"github.com/xenidc/idc/idl/schema"
)

// front makes the type Front and its methods.
func (g *generator) front() {
	g.frontType()
	g.newFront()
	g.frontMethods()
	g.negotiate()
	if g.anyFeature() {
		g.out.lines(`
		// offers returns what the back end publishes, as soon as that is known.
		func (f *Front) offers(ctx context.Context) (*BackKeys, error) {
		for {
		if k := f.back.Load(); k != nil {
		return k, nil
		}
		if err := f.end.Connected(ctx); err != nil {
		return nil, err
		}
		}
		}
		`)
		g.out.line("")
	}
	for _, t := range g.p.Transactions {
		g.call(t)
	}
	if g.grain() > 1 {
		g.out.line("// ragged is the error for bulk data that isn't made of whole pieces.")
		g.out.line("func ragged(n int) error {")
		g.out.line(`return fmt.Errorf("%s: %%d bytes of bulk data: the length must be a multiple of %d", n)`, g.p.Name, g.grain())
		g.out.line("}")
		g.out.line("")
	}
}

func (g *generator) anyFeature() bool {
	for _, t := range g.p.Transactions {
		if t.Feature != nil {
			return true
		}
	}
	return false
}

func (g *generator) frontType() {
	g.out.doc(fmt.Sprintf(`Front is a front end of %s: the user of a device. Its methods may be called by
any number of goroutines at once. Arguments that are slices are lent from the call
to its return, or to the callback. Errors are about the connection, ctx or the
arguments; see the errors of package idc.`, g.p.Name))
	g.out.line("type Front struct {")
	g.out.line("end *idc.Front")
	if g.hasKeys() {
		g.out.line("back atomic.Pointer[BackKeys] // nil before the first connection")
	}
	g.out.line("slots []frontSlot // by Txn.Index")
	g.out.line("")
	g.out.line("// Method values, bound once so that calls allocate nothing.")
	for _, t := range g.p.Transactions {
		g.out.line("encode%sFn, done%sFn func(*idc.Txn)", callName(t), callName(t))
	}
	g.out.line("}")
	g.out.line("")
	g.out.line("// frontSlot is what a transaction keeps, so that it can be encoded again.")
	g.out.line("type frontSlot struct {")
	for _, a := range g.args {
		g.out.line("%s %s", a.field, a.typ)
	}
	for i, sig := range g.dones {
		if i == 0 {
			g.out.line("done %s", sig)
		} else {
			g.out.line("done%d %s", i+1, sig)
		}
	}
	g.out.line("}")
	g.out.line("")
}

func (g *generator) newFront() {
	g.out.lines(`
	// NewFront makes a front end of the device that is called name. It cannot fail, and
	// connects on its own whenever there is a back end of that name, until Close.
	func NewFront(d idc.Domain, name string, opts ...idc.Option) *Front {
	f := new(Front)
	`)
	for _, t := range g.p.Transactions {
		name := callName(t)
		g.out.line("f.encode%sFn, f.done%sFn = f.encode%s, f.done%s", name, name, name, name)
	}
	publish := "func(*idc.KeyWriter) {}"
	if len(g.keysOf(schema.Front)) > 0 {
		publish = "FrontKeys{}.publish"
	}
	refresh := ""
	if g.hasKeys() {
		refresh = ", Refresh: f.refresh"
	}
	g.out.line("spec := idc.FrontSpec{Protocol: &protocol, Publish: %s, Negotiate: f.negotiate%s}", publish, refresh)
	g.out.lines(`
	f.end = idc.NewFront(d, name, spec, opts...)
	f.slots = make([]frontSlot, f.end.Depth())
	return f
	}

	// Open is NewFront, and waits until the front end is connected.
	func Open(ctx context.Context, d idc.Domain, name string, opts ...idc.Option) (*Front, error) {
	f := NewFront(d, name, opts...)
	if err := f.Connected(ctx); err != nil {
	f.Close()
	return nil, err
	}
	return f, nil
	}
	`)
	g.out.line("")
}

func (g *generator) frontMethods() {
	g.out.lines(`
	// Connected waits until the front end is connected. Its error says what is missing.
	func (f *Front) Connected(ctx context.Context) error { return f.end.Connected(ctx) }

	// Close ends the front end. What is under way ends with idc.ErrClosed.
	func (f *Front) Close() error { return f.end.Close() }

	// Poll ends the transactions whose answers are there, without sleeping, and returns
	// how many those were.
	func (f *Front) Poll() int { return f.end.Poll() }
	`)
	g.out.line("")
	if g.hasKeys() {
		g.out.lines(`
		// Back returns what the back end published last, on this connection or an earlier one.
		func (f *Front) Back() BackKeys {
		if k := f.back.Load(); k != nil {
		return *k
		}
		return BackKeys{}
		}
		`)
		g.out.line("")
	}
	if g.maxSegments() == 0 {
		return
	}
	g.out.lines(fmt.Sprintf(`
	// Alloc returns memory that is shared with the back end, so that bulk data in it
	// needn't be copied.
	func (f *Front) Alloc(bytes int) (*idc.Buffer, error) { return f.end.Alloc(bytes) }

	// MaxBulk is how many bytes one request carries, as of the latest connection, and so
	// the most that an asynchronous call takes. Bulk data in shared memory that doesn't
	// begin with a page may need a page more.
	func (f *Front) MaxBulk() int { return f.end.MaxSegments() * %d }
	`, schema.PageSize))
	g.out.line("")
}

// negotiate reads what the back end offers, at each connection.
func (g *generator) negotiate() {
	if len(g.keysOf(schema.Back)) == 0 {
		g.out.line("func (f *Front) negotiate(*idc.KeyReader) (maxSegments int, err error) {")
		g.out.line("return %d, nil", g.maxSegments())
		g.out.line("}")
		g.out.line("")
		return
	}
	g.out.line("func (f *Front) negotiate(r *idc.KeyReader) (maxSegments int, err error) {")
	g.out.line("k := readBackKeys(r)")
	n := fmt.Sprint(g.maxSegments())
	for _, k := range g.keysOf(schema.Back) {
		if g.isLimit(k) {
			n = fmt.Sprintf("max(%d, int(min(k.%s, %d)))", g.direct(), exported(k.Name), g.maxSegments())
		}
	}
	g.out.line("if err := r.Err(); err != nil {")
	g.out.line("return 0, err")
	g.out.line("}")
	g.out.line("f.back.Store(&k)")
	if g.maxSegments() == 0 {
		g.out.line("return 0, nil")
	} else {
		g.out.line("return %s, nil", n)
	}
	g.out.line("}")
	g.out.line("")
	if g.hasKeys() {
		g.out.lines(`
		// refresh takes up what the back end published anew while connected.
		func (f *Front) refresh(r *idc.KeyReader) (changed bool, err error) {
		k := readBackKeys(r)
		if err := r.Err(); err != nil {
		return false, err
		}
		old := f.back.Swap(&k)
		return old == nil || *old != k, nil
		}
		`)
		g.out.line("")
	}
}

// call makes the methods of one transaction.
func (g *generator) call(t *schema.Transaction) {
	name, returns := callName(t), tuple(g.returns(t))
	g.docOr(sentence(name, "", t.Doc), name+" is a transaction.")
	g.out.line("//")
	g.callDoc(t)
	g.out.line("func (f *Front) %s(ctx context.Context%s) %s {", name, g.params(t), returns)
	g.precheck(t, "return "+g.fails(t, "%s"), "return "+g.unsupported(t))
	if t.Split != nil {
		g.split(t)
		g.out.line("// %s is one request of %s.", unexported(t.Name), name)
		g.out.line("func (f *Front) %s(ctx context.Context%s) %s {", unexported(t.Name), g.params(t), returns)
	}
	g.out.line("t, err := f.begin%s(ctx%s)", name, pass(t, ""))
	g.out.line("if err != nil {")
	g.out.line("return %s", g.fails(t, "err"))
	g.out.line("}")
	g.out.line("if err := t.Run(ctx, f.encode%sFn, %t); err != nil {", name, t.Replay)
	g.out.line("return %s", g.fails(t, "err"))
	g.out.line("}")
	g.out.line("return f.finish%s(t)", name)
	g.out.line("}")
	g.out.line("")
	g.async(t)
	g.begin(t)
	g.finish(t)
	g.done(t)
	g.encode(t)
}

func (g *generator) callDoc(t *schema.Transaction) {
	if t.Replay {
		g.out.doc("It is sent again after a reconnect.")
	} else {
		g.out.doc("It fails with idc.ErrDisconnected if the connection is lost meanwhile.")
	}
	if b := bulkOf(t); b != nil && g.grain() > 1 {
		text := fmt.Sprintf("The length of %s is a multiple of %d bytes", unexported(b.Name), g.grain())
		if t.Split != nil {
			text += "; it may take several requests, of which the first that fails is the last"
		}
		g.out.doc(text + ".")
	}
	if t.Feature != nil {
		g.out.doc(fmt.Sprintf("Where the back end doesn't publish %s it ends with %s, unsent.", t.Feature.Name, g.unsupportedName()))
	}
}

func (g *generator) unsupportedName() string {
	if g.implicit() {
		return "idc.Unsupported"
	}
	return g.role(schema.Unsupported)
}

// precheck refuses arguments that can't be sent, before anything is. fail is a
// statement with a place for the error.
func (g *generator) precheck(t *schema.Transaction, fail, unsupported string) {
	for _, p := range t.Params {
		name := unexported(p.Name)
		switch {
		case p.Bulk != nil && g.grain() > 1:
			g.out.line("if len(%s)%%%d != 0 {", name, g.grain())
			g.out.line(fail, "ragged(len("+name+"))")
			g.out.line("}")
		case p.Bulk != nil && p.Bulk.Max > 0 && t.Split == nil:
			g.tooLong(name, int(p.Bulk.Max), fail)
		case p.Bulk == nil && p.Type.Count != nil:
			g.tooLong(name, p.Type.Max, fail)
		}
	}
	if t.Feature == nil {
		return
	}
	g.out.line("if k, err := f.offers(ctx); err != nil {")
	g.out.line(fail, "err")
	g.out.line("} else if !k.%s {", exported(t.Feature.Name))
	g.out.lines(unsupported)
	g.out.line("}")
}

func (g *generator) tooLong(name string, most int, fail string) {
	g.out.line("if len(%s) > %d {", name, most)
	g.out.line(fail, "idc.ErrTooLong")
	g.out.line("}")
}

// split sends bulk data of any length, one request after the other. A reconnect to a
// back end that takes less makes a request too long: then what is left is cut anew.
func (g *generator) split(t *schema.Transaction) {
	data, start := unexported(t.Split.Bulk.Name), unexported(t.Split.Start.Name)
	ok := g.role(schema.Success)
	g.out.line("for len(%s) > 0 {", data)
	g.out.line("n, err := f.end.Carry(ctx, %s, %d)", data, transactionSegments(t))
	g.out.line("if err != nil {")
	g.out.line("return %s", g.fails(t, "err"))
	g.out.line("}")
	if g.implicit() {
		g.out.line("err = f.%s(ctx%s)", unexported(t.Name), pass(t, data+"[:n]"))
		g.out.line("if errors.Is(err, idc.ErrTooLong) {")
		g.out.line("continue // after a reconnect to a back end that takes less at once")
		g.out.line("}")
		g.out.line("if err != nil {")
		g.out.line("return err")
	} else {
		g.out.line("status, err := f.%s(ctx%s)", unexported(t.Name), pass(t, data+"[:n]"))
		g.out.line("if errors.Is(err, idc.ErrTooLong) {")
		g.out.line("continue // after a reconnect to a back end that takes less at once")
		g.out.line("}")
		g.out.line("if err != nil || status != %s {", ok)
		g.out.line("return status, err")
	}
	g.out.line("}")
	advance := "n"
	if u := t.Split.Start.Type.Unit; u != nil && u.Bytes > 1 {
		advance = fmt.Sprintf("n / %d", u.Bytes)
	}
	g.out.line("%s += %s(%s)", start, g.goType(t.Split.Start.Type), advance)
	g.out.line("%s = %s[n:]", data, data)
	g.out.line("}")
	if g.implicit() {
		g.out.line("return nil")
	} else {
		g.out.line("return %s, nil", ok)
	}
	g.out.line("}")
	g.out.line("")
}

// async makes the form of the call that doesn't wait.
func (g *generator) async(t *schema.Transaction) {
	name := callName(t)
	g.out.doc(fmt.Sprintf("%sAsync is %s for callers that don't wait: it waits at most for a free slot. If it\nreturns nil, done is called once, which must not block.", name, name))
	if t.Split != nil {
		g.out.doc("One request must carry all of " + unexported(t.Split.Bulk.Name) + ": see MaxBulk.")
	}
	g.out.line("func (f *Front) %sAsync(ctx context.Context%s, done %s) error {", name, g.params(t), g.callback(t))
	g.precheck(t, "return %s", fmt.Sprintf("done(%s)\nreturn nil", g.unsupported(t)))
	g.out.line("t, err := f.begin%s(ctx%s)", name, pass(t, ""))
	g.out.line("if err != nil {")
	g.out.line("return err")
	g.out.line("}")
	g.out.line("f.slots[t.Index()].%s = done", g.doneField(t))
	g.out.line("t.Start(f.encode%sFn, f.done%sFn, %t)", name, name, t.Replay)
	g.out.line("return nil")
	g.out.line("}")
	g.out.line("")
}

// begin takes a transaction and keeps the arguments.
func (g *generator) begin(t *schema.Transaction) {
	data, dir := "nil", "0"
	if b := bulkOf(t); b != nil {
		data, dir = unexported(b.Name), direction(b)
	}
	take := fmt.Sprintf("f.end.Begin(ctx, %s, %s, %d)", data, dir, transactionSegments(t))
	g.out.line("func (f *Front) begin%s(ctx context.Context%s) (*idc.Txn, error) {", callName(t), g.params(t))
	list := scalars(t)
	if len(list) == 0 {
		g.out.line("return %s", take)
	} else {
		g.out.line("t, err := %s", take)
		g.out.line("if err != nil {")
		g.out.line("return nil, err")
		g.out.line("}")
		g.out.line("s := &f.slots[t.Index()]")
		for _, p := range list {
			g.out.line("s.%s = %s", g.argField(t, p), unexported(p.Name))
		}
		g.out.line("return t, nil")
	}
	g.out.line("}")
	g.out.line("")
}

func direction(p *schema.Param) string {
	if p.Bulk.From == schema.Back {
		return "idc.Out"
	}
	return "idc.In"
}

// finish decodes the answer and ends the transaction.
func (g *generator) finish(t *schema.Transaction) {
	rsp := t.Forms[0].Response
	g.out.line("func (f *Front) finish%s(t *idc.Txn) %s {", callName(t), tuple(g.returns(t)))
	g.out.line("var m %s", g.structName(rsp))
	decode := fmt.Sprintf("m.get(t.Response()%s)", g.responseABI(rsp))
	if g.canFail(rsp) {
		decode = "ok := " + decode
	}
	g.out.line("%s", decode)
	for _, p := range t.Results {
		if typ := g.goType(p.Type); typ == "[]byte" {
			f := "m." + g.resultField(t, p)
			g.out.line("%s = bytes.Clone(%s) // of the response, which belongs to t", f, f)
		}
	}
	g.out.line("t.End()")
	if g.implicit() {
		status := "m." + g.statusField(t.Forms[0])
		g.out.line("if %s != idc.Succeeded {", status)
		g.out.line("return %s", g.fails(t, status))
		g.out.line("}")
	}
	g.checkEcho(t)
	if g.canFail(rsp) {
		g.out.line("if !ok {")
		g.out.line("return %s", g.fails(t, fmt.Sprintf("&idc.ProtocolError{Field: %q}", "response of "+t.Name)))
		g.out.line("}")
	}
	g.out.line("return %s", g.answerValues(t))
	g.out.line("}")
	g.out.line("")
}

func (g *generator) responseABI(s *schema.Struct) string {
	if g.varies(s) {
		return ", t.ResponseABI()"
	}
	return ""
}

// resultField is the field of the response's image that holds a result.
func (g *generator) resultField(t *schema.Transaction, p *schema.Param) string {
	f := t.Forms[0]
	for _, b := range f.Reply {
		if b.Source.Kind == schema.FromParam && b.Source.Param == p {
			return g.field(f.Response, b.Path.Leaf())
		}
	}
	return unexported(p.Name)
}

func (g *generator) answerValues(t *schema.Transaction) string {
	values := ""
	switch len(t.Results) {
	case 0:
	case 1:
		values = "m." + g.resultField(t, t.Results[0]) + ", "
	default:
		values = callName(t) + "Response{"
		for _, p := range t.Results {
			values += fmt.Sprintf("%s: m.%s, ", exported(p.Name), g.resultField(t, p))
		}
		values += "}, "
	}
	if !g.implicit() {
		values += "m." + g.statusField(t.Forms[0]) + ", "
	}
	return values + "nil"
}

func (g *generator) statusField(f *schema.Form) string {
	for _, b := range f.Reply {
		if b.Source.Kind == schema.FromStatus {
			return g.field(f.Response, b.Path.Leaf())
		}
	}
	return "status"
}

// done ends an asynchronous transaction.
func (g *generator) done(t *schema.Transaction) {
	g.out.line("func (f *Front) done%s(t *idc.Txn) {", callName(t))
	g.out.line("s := &f.slots[t.Index()]")
	g.out.line("done := s.%s", g.doneField(t))
	g.out.line("s.%s = nil", g.doneField(t))
	g.out.line("if err := t.Err(); err != nil {")
	g.out.line("t.End()")
	g.out.line("done(%s)", g.fails(t, "err"))
	g.out.line("return")
	g.out.line("}")
	g.out.line("done(f.finish%s(t))", callName(t))
	g.out.line("}")
	g.out.line("")
}
