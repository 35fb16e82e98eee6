package keys

import (
	"context"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

type back struct{}

func (back) Nop(context.Context, NopRequest) error { return nil }

// TestDefaults has both ends publish what nobody decided on.
func TestDefaults(t *testing.T) {
	want := FrontKeys{Window: 3, Depth: 40, Shift: -4, Mode: ModeFast, OptionKey: 0xfffffffffffffff0, Flavour: "sour"}
	for name, keys := range map[string]FrontKeys{"nothing": {}, "everything": want} {
		d, peer := idctest.Pair(t)
		var got FrontKeys
		spec := idc.BackSpec{
			Protocol: &protocol, Publish: func(*idc.KeyWriter) {},
			Accept: func(r *idc.KeyReader) error {
				got = readFrontKeys(r)
				return r.Err()
			},
			Handle: unknown,
		}
		s := idc.NewService(peer, "x", spec)
		f, err := Open(t.Context(), d, "x", keys.Option())
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: %+v", name, got)
		}
		if back := f.Back(); back != (BackKeys{Size: -3, Same: -3}) {
			t.Errorf("%s: %+v", name, back)
		}
		f.Close()
		s.Close()
	}
}

func TestServed(t *testing.T) {
	d, peer := idctest.Pair(t)
	s := Export(peer, "x", BackKeys{Size: 4}, back{})
	defer s.Close()
	f := NewFront(d, "x")
	defer f.Close()
	if err := f.Nop(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if got := f.Back(); got.Size != 4 || got.Same != 4 {
		t.Errorf("%+v", got)
	}
}
