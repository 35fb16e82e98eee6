//go:build linux

package host_test

import (
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
)

// A domain whose broker was started anew takes a new place, once, for all who ask.
func TestRejoin(t *testing.T) {
	testenv.Leaks(t)
	path := filepath.Join(t.TempDir(), "s")
	start := func() *broker.Broker {
		b, err := broker.Start(path, broker.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	b := start()
	d, peer := join(t, b), join(t, b)
	defer peer.Close()
	if same, err := d.Rejoin(t.Context()); err != nil || same != platform.Domain(d) {
		t.Fatalf("with its broker there: %v, %v", same, err)
	}
	g, err := d.Grant(peer.ID(), 1, platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Free()
	m, err := peer.Map(d.ID(), g.Refs(), platform.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Unmap()
	g.Memory().Store32(0, 0xCAFE)
	for range 2 {
		b.Close()
		for { // the domain may not have noticed
			if _, err = d.Rejoin(t.Context()); err != nil {
				break
			}
		}
		if !errors.Is(err, host.ErrNoBroker) {
			t.Fatalf("without a broker: %v", err)
		}
		b = start()
		got := make([]platform.Domain, 8)
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() { got[i], _ = d.Rejoin(t.Context()) })
		}
		all.Wait()
		for _, x := range got {
			if x == nil || x != got[0] || x == platform.Domain(d) {
				t.Fatalf("joined again as %v", got)
			}
		}
		conn, err := got[0].DialStore(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if b.Domains() != 1 {
			t.Errorf("%d domains", b.Domains())
		}
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if v := g.Memory().Load32(0); v != 0xCAFE {
		t.Errorf("memory of the first stay holds %#x", v)
	}
	g.Memory().Store32(0, 1)
	if v := m.Memory().Load32(0); v != 0 {
		t.Errorf("its peer reads %#x", v)
	}
	if b.Domains() != 0 {
		t.Errorf("%d domains after Close", b.Domains())
	}
	if _, err := d.Rejoin(t.Context()); !errors.Is(err, platform.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	b.Close()
}
