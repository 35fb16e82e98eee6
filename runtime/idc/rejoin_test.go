//go:build linux

package idc_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
)

// The broker ends and is started again: both ends come back by themselves, several
// endpoints of one domain among them, and what is called meanwhile is answered then.
func TestBrokerRestarts(t *testing.T) {
	testenv.Native(t)
	testenv.Leaks(t)
	path := filepath.Join(t.TempDir(), "s")
	start := func() *broker.Broker {
		b, err := broker.Start(path, broker.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	join := func() *host.Domain {
		d, err := host.Join(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	b := start()
	front, back := join(), join()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error)
	const names = 3
	var fronts [names]*idc.Front
	for i := range names {
		s := idc.NewService(back, fmt.Sprint("c", i), new(counter).spec())
		go func() { served <- s.Serve(ctx) }()
		fronts[i] = idc.NewFront(front, s.Name(), frontSpec())
		check(t, fronts[i], uint64(i))
	}
	for round := range uint64(2) {
		b.Close()
		calls := make(chan error)
		for _, f := range fronts {
			go func() {
				_, err := add(within(t, 2*patience), f, round, true)
				calls <- err
			}()
		}
		time.Sleep(10 * time.Millisecond)
		b = start()
		for range fronts {
			if err := <-calls; err != nil {
				t.Errorf("called while there was no broker: %v", err)
			}
		}
	}
	for _, f := range fronts {
		f.Close()
	}
	stop()
	for range names {
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	front.Close()
	back.Close()
	if n := b.Domains(); n != 0 {
		t.Errorf("%d domains are left", n)
	}
	b.Close()
}

// A domain is closed under its endpoints, with a handler at work: they end with errors,
// and their Close returns.
func TestDomainClosesUnderHandlers(t *testing.T) {
	testenv.Native(t)
	testenv.Leaks(t)
	b, err := broker.Start(filepath.Join(t.TempDir(), "s"), broker.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	var doms [2]*host.Domain
	for i := range doms {
		if doms[i], err = host.Join(t.Context(), b.Path()); err != nil {
			t.Fatal(err)
		}
		defer doms[i].Close()
	}
	for i, name := range []string{"back", "front"} {
		t.Run(name, func(t *testing.T) {
			c := &counter{hold: make(chan struct{})}
			s := idc.NewService(doms[1], name, c.spec(), idc.Workers(4))
			f := idc.NewFront(doms[0], name, frontSpec())
			calls := make(chan error)
			ctx, cancel := context.WithCancel(t.Context())
			for range 4 {
				go func() {
					_, err := add(ctx, f, 1, true)
					calls <- err
				}()
			}
			for c.served.Load() < 4 {
				time.Sleep(time.Millisecond)
			}
			if err := doms[1-i].Close(); err != nil {
				t.Error(err)
			}
			close(c.hold)
			s.Close()
			cancel()
			f.Close()
			for range 4 {
				<-calls // each ends; the handlers may be fast enough to answer through memory that is there still
			}
			if i == 0 {
				if doms[1], err = host.Join(t.Context(), b.Path()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	doms[1].Close()
}
