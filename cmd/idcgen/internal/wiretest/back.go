package wiretest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/xenidc/idc/cmd/idcgen/internal/reading"
	"github.com/xenidc/idc/runtime/idc"
)

// back sends requests that were encoded as the layout says to the back end's stubs, and compares what their driver gets, and the
// answer to what it returned.
func (c *check) back() {
	d, peer := c.pair()
	h := &driver{c: c}
	s := c.s.Export(peer, "wire", c.filled("back"), h.handle)
	defer s.Close()
	spec := idc.FrontSpec{Protocol: c.s.Protocol, Publish: c.publish("front"), Negotiate: func(r *idc.KeyReader) (int, error) {
		return max(c.s.Protocol.MaxSegments, 0), r.Err()
	}}
	f := idc.NewFront(d, "wire", spec, c.speak...)
	defer f.Close()
	ctx, cancel := c.ctx()
	defer cancel()
	if err := f.Connected(ctx); err != nil {
		c.Fatalf("a front end that publishes what it must doesn't connect: %v", err)
	}
	for i := range c.l.Calls {
		for range rounds {
			for _, form := range c.forms(&c.l.Calls[i]) {
				c.recovered(c.l.Calls[i].Name, func() { c.ask(ctx, f, h, i, form) })
			}
		}
	}
}

// ask sends one request.
func (c *check) ask(ctx context.Context, f *idc.Front, h *driver, i int, form *reading.Form) {
	call := &c.l.Calls[i]
	args, err := c.l.Arguments(c.rng, form)
	must(c, 0, err)
	bulk, data, _ := c.bulk(call, []*reading.Form{form})
	if bulk != nil && form.Segments[0].Pages > 0 {
		return // the pages are the runtime's own: see front
	}
	var dir idc.Direction
	facts := reading.Facts{Device: 7, Length: map[string]int{}}
	if bulk != nil {
		facts.Length[bulk.Name] = len(data)
		if dir = idc.In; bulk.Bulk == "from back" {
			dir = idc.Out
		}
	}
	results, err := c.l.Results(c.rng, form)
	must(c, 0, err)
	h.expect(i, args, results, data)
	x, err := f.Begin(ctx, data, dir, max(1, form.MostSegments()))
	if err != nil {
		c.Errorf("%s: begin: %v", call.Name, err)
		return
	}
	var request []byte
	encode := func(x *idc.Txn) {
		facts.ID = x.ID()
		b, err := c.l.Request(form, args, facts)
		if err == nil && bulk != nil {
			var list []reading.Piece
			for _, s := range x.Segments() {
				list = append(list, reading.Piece{Ref: uint32(s.Ref), Offset: int(s.Offset), Length: int(s.Length)})
			}
			err = c.l.PutPieces(form, bulk.Name, b, list)
		}
		if err != nil {
			c.Error(err)
		}
		request = bytes.Clone(b)
		copy(x.Request(len(b)), b)
	}
	if err := x.Run(ctx, encode, false); err != nil {
		c.Errorf("%s: %v", call.Name, err)
		return
	}
	defer x.End()
	if !h.called() {
		c.Errorf("%s, form %s, on %s: the driver isn't called for %x", call.Name, form.Name, c.abi, request)
		return
	}
	want, err := c.l.Response(form, results, c.success(), request, facts)
	must(c, 0, err)
	if d := reading.Differ(x.Response()[:len(want)], want); d != "" {
		c.Errorf("%s, form %s, on %s: the response differs, %s", call.Name, form.Name, c.abi, d)
	}
}

// driver stands for what a driver author writes.
type driver struct {
	c *check

	mu      sync.Mutex
	i       int
	args    map[string]reading.Value
	results map[string]reading.Value
	data    []byte
	calls   int
}

func (h *driver) expect(i int, args, results map[string]reading.Value, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.i, h.args, h.results, h.data, h.calls = i, args, results, data, 0
}

func (h *driver) called() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.calls == 1
}

func (h *driver) handle(_ context.Context, method string, args, out []any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls++
	c := h.c
	c.recovered(method, func() {
		call := &c.l.Calls[h.i]
		if method != c.s.Methods[h.i] {
			c.Errorf("%s was called for %s", method, call.Name)
			return
		}
		req := reflect.ValueOf(args[0])
		i := 0
		for _, p := range call.Params {
			if p.Bulk != "" {
				if len(args) > 1 {
					h.bulk(call, p, args[1])
				}
				continue
			}
			f := goField(req, p.Name)
			if !f.IsValid() {
				f = req.Field(i)
			}
			i++
			if d := same(f, h.args[p.Name]); d != "" {
				c.Errorf("%s on %s gets %s as %s", call.Name, c.abi, p.Name, d)
			}
		}
		h.answer(call, out)
	})
}

func (h *driver) bulk(call *reading.Call, p reading.Param, arg any) {
	b, ok := arg.(*idc.Bulk)
	if !ok {
		return
	}
	if b.Len() != len(h.data) {
		h.c.Errorf("%s gets %d bytes of %s, want %d", call.Name, b.Len(), p.Name, len(h.data))
		return
	}
	if p.Bulk == "from front" {
		got := make([]byte, b.Len())
		b.CopyTo(got, 0)
		if !bytes.Equal(got, h.data) {
			h.c.Errorf("%s gets other data than was sent", call.Name)
		}
	}
}

// answer sets the results, and the status if it isn't told by an error.
func (h *driver) answer(call *reading.Call, out []any) {
	first := reflect.ValueOf(out[0]).Elem()
	switch len(call.Results) {
	case 0:
	case 1:
		toGo(first, h.results[call.Results[0].Name])
	default:
		for i, p := range call.Results {
			f := goField(first, p.Name)
			if !f.IsValid() {
				f = first.Field(i)
			}
			toGo(f, h.results[p.Name])
		}
	}
	if end := reflect.ValueOf(out[len(out)-1]).Elem(); end.Kind() != reflect.Interface {
		toGo(end, h.c.success())
	} else if end.Kind() == reflect.Interface && !end.IsNil() {
		panic(fmt.Sprint("an error was left in ", end.Type()))
	}
}
