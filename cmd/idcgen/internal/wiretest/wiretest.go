// Package wiretest holds generated stubs to the layout of their protocol: what a front end sends, what a back end takes from it,
// and both with the answer, byte for byte. What the bytes must be comes from `idcgen layout --json` alone, through package
// reading; what stubs make of Go values is reached by reflection, so that nothing here depends on how they do it.
package wiretest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/xenidc/idc/cmd/idcgen/internal/reading"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// Stubs is a generated package, as the code that is put beside it presents it.
type Stubs struct {
	Layout   string // the JSON
	Protocol *idc.Protocol
	// NewFront makes a front end that publishes what fill makes of its keys.
	NewFront func(d idc.Domain, name string, fill func(keys any), opts ...idc.Option) any
	// Export serves h, and publishes what fill makes of the keys that its own tests publish.
	Export func(d idc.Domain, name string, fill func(keys any), h Handler, opts ...idc.Option) interface{ Close() error }
	// Methods are those of the driver's interface, in order, and then those that a driver needn't have.
	Methods []string
	// Types are pointers to the structs that have codecs of their own, of a package without stubs.
	Types []any
	// ABIs are what those codecs call the ABIs, where they do.
	ABIs map[string]any
}

// Handler is called for each request that a back end's stubs took: with their request, and bulk data if there is some. It sets
// what results point to.
type Handler func(ctx context.Context, method string, args []any, results []any)

// patience is how long anything may take that takes no time.
const patience = 10 * time.Second

// rounds is how often each transaction is tried on each ABI.
const rounds = 4

// Test runs every comparison that the package's kind allows.
func Test(t *testing.T, s Stubs, seed uint64) {
	l, err := reading.Parse([]byte(s.Layout))
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(seed, 1))
	if s.NewFront == nil {
		codecs(t, l, s, rng)
		return
	}
	methods, err := ordered(l, s.Methods)
	if err != nil {
		t.Fatal(err)
	}
	s.Methods = methods
	names, options := l.Spoken()
	for i, abi := range names {
		t.Run(abi, func(t *testing.T) {
			c := &check{T: t, l: l, s: s, abi: abi, rng: rng}
			if options[i] != "" {
				c.speak = []idc.Option{idc.SpeakABI(options[i])}
			}
			t.Run("front", func(t *testing.T) { c.T = t; c.front() })
			t.Run("back", func(t *testing.T) { c.T = t; c.back() })
		})
	}
}

// ordered finds each call's method: those that are called alike, and for the others, whose names Go couldn't take, what is left.
func ordered(l *reading.Layout, methods []string) ([]string, error) {
	if len(methods) != len(l.Calls) {
		return nil, fmt.Errorf("%d transactions and %d methods: %q", len(l.Calls), len(methods), methods)
	}
	left := slices.Clone(methods)
	out := make([]string, len(l.Calls))
	for i := range l.Calls {
		if at := slices.IndexFunc(left, func(m string) bool { return plain(m) == plain(l.Calls[i].Name) }); at >= 0 {
			out[i] = left[at]
			left = slices.Delete(left, at, at+1)
		}
	}
	for i := range out {
		if out[i] == "" {
			out[i], left = left[0], left[1:]
		}
	}
	return out, nil
}

// check is one run on one ABI.
type check struct {
	*testing.T
	l     *reading.Layout
	s     Stubs
	abi   string
	rng   *rand.Rand
	speak []idc.Option
}

// forms are those of a call on the ABI, preferred first.
func (c *check) forms(call *reading.Call) (list []*reading.Form) {
	for i := range call.Forms {
		if call.Forms[i].ABI == c.abi {
			list = append(list, &call.Forms[i])
		}
	}
	return list
}

// pair makes two domains.
func (c *check) pair() (front, back idc.Domain) { return idctest.Pair(c.T) }

func (c *check) ctx() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

// bulk makes bulk data for the call's argument, of a length that a form of those takes. Its pages begin where pages do not, unless
// the grain is coarser than that.
func (c *check) bulk(call *reading.Call, forms []*reading.Form) (p *reading.Param, data []byte, form *reading.Form) {
	for i := range call.Params {
		if call.Params[i].Bulk == "" {
			continue
		}
		p = &call.Params[i]
		form = forms[c.rng.IntN(len(forms))]
		most := 0
		for _, s := range form.Segments {
			if s.Bulk == p.Name {
				most = min(s.Most, 16) * 4096
			}
		}
		if most > 4096 {
			most -= 4096
		}
		if p.Most > 0 {
			most = min(most, p.Most)
		}
		grain := c.grain(form)
		n := (1 + c.rng.IntN(most)) / grain * grain
		data = make([]byte, max(n, min(grain, most)))
		for i := range data {
			data[i] = byte(c.rng.IntN(256))
		}
	}
	return p, data, form
}

// grain is how many bytes a piece of a page is a multiple of.
func (c *check) grain(f *reading.Form) int {
	for _, s := range f.Segments {
		if r := c.l.Record(s.Elem, c.abi); r != nil {
			return max(1, r.Covers.Bytes)
		}
	}
	return 1
}

// success is the value of the protocol's status that means success.
func (c *check) success() uint64 {
	for _, e := range c.l.Enums {
		for _, v := range e.Values {
			for _, m := range v.Means {
				if e.Status && m == "success" {
					return uint64(v.Value)
				}
			}
		}
	}
	return 0
}

// must ends the test at an error that says that the layout itself is wrong.
func must[T any](c *check, v T, err error) T {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
	return v
}

// recovered runs f and turns a panic, as of a Go value that has another shape than the protocol's, into a failure.
func (c *check) recovered(what string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			c.Errorf("%s: %v", what, r)
		}
	}()
	f()
}
