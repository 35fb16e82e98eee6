// Package growth has every version of a protocol talk to every other.
package growth

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	v1 "example.com/cases/growth/v1"
	v2 "example.com/cases/growth/v2"
	v3 "example.com/cases/growth/v3"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// What a back end answers shows what it was asked.
type (
	back1 struct{}
	back2 struct{}
	back3 struct{ t *testing.T }
)

func (back1) Hello(_ context.Context, r v1.HelloRequest) error { return named(r.Name) }
func (back2) Hello(_ context.Context, r v2.HelloRequest) error { return named(r.Name) }
func (back2) Greet(_ context.Context, r v2.GreetRequest) (string, error) {
	return strings.Repeat(r.Name, 2), named(r.Name)
}

func (back3) Hello(_ context.Context, r v3.HelloRequest) (uint32, error) {
	if r.Loud {
		return 0xffffffff, named(r.Name)
	}
	return 7, named(r.Name)
}

func (back3) Greet(_ context.Context, r v3.GreetRequest) (v3.GreetResponse, error) {
	return v3.GreetResponse{Text: r.Title + strings.Repeat(r.Name, 2), Left: 9}, named(r.Name)
}

func (back3) Keep(_ context.Context, _ v3.KeepRequest, picture *idc.Bulk) error {
	return idc.Code(picture.Len())
}

func named(name string) error {
	if len(name) != 32 || strings.Trim(name, "n") != "" {
		return idc.Code(1)
	}
	return nil
}

var name = strings.Repeat("n", 32)

// rounds is more than a ring has slots, so that each slot is used again.
const rounds = 300

func TestEveryVersion(t *testing.T) {
	backs := map[int]func(idc.Domain) *idc.Service{
		1: func(d idc.Domain) *idc.Service { return v1.Export(d, "x", back1{}) },
		2: func(d idc.Domain) *idc.Service { return v2.Export(d, "x", back2{}) },
		3: func(d idc.Domain) *idc.Service { return v3.Export(d, "x", back3{t}) },
	}
	fronts := map[int]func(*testing.T, context.Context, idc.Domain, int){1: front1, 2: front2, 3: front3}
	for b, export := range backs {
		for f, call := range fronts {
			t.Run(string(rune('0'+f))+" calls "+string(rune('0'+b)), func(t *testing.T) {
				d, peer := idctest.Pair(t)
				s := export(peer)
				defer s.Close()
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				call(t, ctx, d, b)
			})
		}
	}
}

func front1(t *testing.T, ctx context.Context, d idc.Domain, _ int) {
	f := v1.NewFront(d, "x")
	defer f.Close()
	for range rounds {
		if err := f.Hello(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
}

func front2(t *testing.T, ctx context.Context, d idc.Domain, back int) {
	f := v2.NewFront(d, "x")
	defer f.Close()
	for range rounds {
		if err := f.Hello(ctx, name); err != nil {
			t.Fatal("hello: ", err)
		}
		text, err := f.Greet(ctx, name, 0xffff)
		switch {
		case back < 2 && !errors.Is(err, idc.Unsupported):
			t.Fatal("greet, which the back end doesn't know: ", err)
		case back >= 2 && (err != nil || text != name+name):
			t.Fatalf("greet: %q, %v", text, err)
		}
	}
}

func front3(t *testing.T, ctx context.Context, d idc.Domain, back int) {
	f := v3.NewFront(d, "x")
	defer f.Close()
	for range rounds {
		for loud, want := range map[bool]uint32{false: 7, true: 0xffffffff} {
			if back < 3 {
				want = 0 // what the back end doesn't know reads as zero
			}
			if n, err := f.Hello(ctx, name, loud); err != nil || n != want {
				t.Fatalf("hello: %d, %v", n, err)
			}
		}
		r, err := f.Greet(ctx, name, 0xffff, "")
		switch {
		case back < 2 && !errors.Is(err, idc.Unsupported):
			t.Fatal("greet, which the back end doesn't know: ", err)
		case back >= 2 && (err != nil || r.Text != name+name || (r.Left == 9) != (back == 3)):
			t.Fatalf("greet: %+v, %v", r, err)
		}
		err = f.Keep(ctx, make([]byte, 5000))
		if want := map[bool]error{false: idc.Unsupported, true: idc.Code(5000)}[back == 3]; !errors.Is(err, want) {
			t.Fatal("keep: ", err)
		}
	}
}
