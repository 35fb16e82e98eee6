package wiretest

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"reflect"
	"sync"

	"github.com/xenidc/idc/cmd/idcgen/internal/reading"
	"github.com/xenidc/idc/runtime/idc"
)

// front has the front end's stubs call a back end that is none: it keeps the slots that it gets, and answers as the layout says.
func (c *check) front() {
	d, peer := c.pair()
	b := &rawBack{c: c}
	spec := idc.BackSpec{Protocol: c.s.Protocol, Publish: c.publish("back"), Accept: b.accept, Handle: b.handle}
	s := idc.NewService(peer, "wire", spec)
	defer s.Close()
	f := c.s.NewFront(d, "wire", c.filled("front"), c.speak...)
	defer f.(interface{ Close() error }).Close()
	ctx, cancel := c.ctx()
	defer cancel()
	b.mu.Lock()
	b.giveUp = cancel
	b.mu.Unlock()
	if err := f.(interface {
		Connected(context.Context) error
	}).Connected(ctx); err != nil {
		c.Fatalf("the front end doesn't connect: %v; the back end says: %v", err, b.refused())
	}
	for i := range c.l.Calls {
		for range rounds {
			c.recovered(c.l.Calls[i].Name, func() { c.call(ctx, b, reflect.ValueOf(f), &c.l.Calls[i], c.s.Methods[i]) })
		}
	}
}

// call calls a method of the front end, compares the request, and what the method makes of the answer.
func (c *check) call(ctx context.Context, b *rawBack, front reflect.Value, call *reading.Call, method string) {
	forms := c.forms(call)
	args, err := c.l.Arguments(c.rng, forms[0])
	must(c, 0, err)
	bulk, data, _ := c.bulk(call, forms)
	sent := bytes.Clone(data)
	b.expect(call, args, data)
	m := front.MethodByName(method)
	if !m.IsValid() {
		c.Fatalf("the front end has no method %s", method)
	}
	in := []reflect.Value{reflect.ValueOf(ctx)}
	for _, p := range call.Params {
		v := reflect.New(m.Type().In(len(in))).Elem()
		if p.Bulk != "" {
			v.SetBytes(data)
		} else {
			toGo(v, args[p.Name])
		}
		in = append(in, v)
	}
	out := m.Call(in)
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		c.Errorf("%s fails: %v", call.Name, errors.Join(err, b.refused()))
		return
	}
	if bulk != nil && bulk.Bulk == "from front" && !bytes.Equal(sent, data) {
		c.Errorf("%s changed what was only lent", call.Name)
	}
	seen, done, results := b.seen()
	if seen == 0 || bulk != nil && done != len(data) {
		c.Errorf("%s sent %d requests with %d bytes of bulk data, want %d", call.Name, seen, done, len(data))
		return
	}
	c.results(call, out, results)
}

// results compares what a call returns with what the answer carried.
func (c *check) results(call *reading.Call, out []reflect.Value, want map[string]reading.Value) {
	for i, p := range call.Results {
		got := out[0]
		if len(call.Results) > 1 {
			if got = goField(out[0], p.Name); !got.IsValid() {
				if got.Kind() == reflect.Invalid && i < out[0].NumField() {
					got = out[0].Field(i)
				}
			}
		}
		if d := same(got, want[p.Name]); d != "" {
			c.Errorf("%s returns %s as %s", call.Name, p.Name, d)
		}
	}
}

// rawBack is a back end that only looks at bytes.
type rawBack struct {
	c *check

	mu      sync.Mutex
	call    *reading.Call
	args    map[string]reading.Value
	data    []byte
	results map[string]reading.Value
	n       int // requests
	done    int // bytes of the bulk data that they have carried
	fault   error
	giveUp  func()
}

func (b *rawBack) expect(call *reading.Call, args map[string]reading.Value, data []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.call, b.args, b.data, b.results, b.n, b.done = call, args, data, nil, 0, 0
}

func (b *rawBack) seen() (n, done int, results map[string]reading.Value) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n, b.done, b.results
}

func (b *rawBack) refused() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fault
}

func (b *rawBack) accept(r *idc.KeyReader) error {
	err := errors.Join(b.c.published(r), r.Err())
	if err != nil {
		b.mu.Lock()
		b.fault = err
		if b.giveUp != nil {
			b.giveUp()
		}
		b.mu.Unlock()
	}
	return err
}

// handle compares one request and answers it.
func (b *rawBack) handle(r *idc.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.c
	b.n++
	slot := bytes.Clone(r.Slot())
	if b.call == nil {
		c.Error("a request that nobody called for")
		return
	}
	var form *reading.Form
	for _, f := range c.forms(b.call) {
		if yes, err := c.l.Is(f, slot); err != nil {
			c.Error(err)
		} else if yes {
			form = f
			break
		}
	}
	if form == nil {
		c.Errorf("%s on %s: no form has the constants of %x", b.call.Name, c.abi, slot)
		r.Respond(8)
		return
	}
	facts := b.compare(form, slot)
	var err error
	if b.results == nil {
		if b.results, err = c.l.Results(c.rng, form); err != nil {
			c.Error(err)
		}
	}
	rsp, err := c.l.Response(form, b.results, c.success(), slot, facts)
	if err != nil {
		c.Error(err)
	}
	copy(r.Respond(len(rsp)), rsp)
}

// compare compares a request's bytes with those that the layout says.
func (b *rawBack) compare(f *reading.Form, slot []byte) reading.Facts {
	c := b.c
	id, err := c.l.ID(f, slot)
	if err != nil {
		c.Error(err)
	}
	facts := reading.Facts{ID: id, Length: map[string]int{}}
	got := bytes.Clone(slot)
	args := maps.Clone(b.args)
	for _, p := range b.call.Params {
		if p.Bulk != "" {
			facts.Length[p.Name] = b.pieces(f, p, got, args)
		}
	}
	want, err := c.l.Request(f, args, facts)
	if err != nil {
		c.Error(err)
		return facts
	}
	facts.Device = c.device(f, got, want)
	if d := reading.Differ(got[:len(want)], want); d != "" {
		c.Errorf("%s, form %s, on %s: request %d differs, %s", b.call.Name, f.Name, c.abi, b.n, d)
	}
	return facts
}

// pieces reads the segments of a bulk, and returns how many bytes are in them. What is split begins where the last part ended.
func (b *rawBack) pieces(f *reading.Form, p reading.Param, slot []byte, args map[string]reading.Value) int {
	c := b.c
	list, n, err := c.l.Pieces(f, p.Name, slot)
	if err != nil {
		c.Errorf("%s, form %s, on %s: %v", b.call.Name, f.Name, c.abi, err)
	}
	total := 0
	for _, piece := range list {
		total += piece.Length
	}
	if b.call.Split == p.Name {
		start := args[b.call.Start].(uint64)
		unit := c.unit(b.call)
		if b.done%unit != 0 {
			c.Errorf("%s: part %d begins at %d bytes, between two units of %d", b.call.Name, b.n, b.done, unit)
		}
		args[b.call.Start] = start + uint64(b.done/unit)
	}
	if list == nil { // in pages of their own, which the stubs of a back end read
		total = len(b.data) - b.done
	}
	b.done += total
	if b.done > len(b.data) || b.call.Split != p.Name && total != len(b.data) {
		c.Errorf("%s, form %s, on %s: %d bytes in %d segments, want %d", b.call.Name, f.Name, c.abi, b.done, n, len(b.data))
	}
	return total
}

// unit is how many bytes one of the argument is that a split advances.
func (c *check) unit(call *reading.Call) int {
	for _, p := range call.Params {
		if p.Name == call.Start {
			return c.l.UnitBytes(p.Type)
		}
	}
	return 1
}

// device fills in the number of the device, which the front end alone knows, and returns it.
func (c *check) device(f *reading.Form, got, want []byte) (n uint64) {
	for _, bind := range f.Set {
		if bind.From == "device" {
			part := got[bind.Offset : bind.Offset+bind.Size]
			copy(want[bind.Offset:], part)
			for i := range part {
				n |= uint64(part[i]) << (8 * i)
			}
		}
	}
	return n
}
