//go:build linux

package host_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/platform/platformtest"
)

// startBroker runs a broker until the test ends.
func startBroker(t testing.TB, opts broker.Options) *broker.Broker {
	t.Helper()
	b, err := broker.Start(filepath.Join(t.TempDir(), "broker.sock"), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

// join joins a broker; the caller closes the domain.
func join(t testing.TB, b *broker.Broker, opts ...host.Option) *host.Domain {
	t.Helper()
	d, err := host.Join(t.Context(), b.Path(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestContract runs the suite with several domains in this process.
func TestContract(t *testing.T) {
	platformtest.Run(t, func(t testing.TB) *platformtest.World {
		b := startBroker(t, broker.Options{})
		return &platformtest.World{
			NewDomain: func(t testing.TB) platform.Domain { return join(t, b) },
			Kill: func(t testing.TB, d platform.Domain) {
				before := b.Domains()
				d.(*host.Domain).Abandon()
				for b.Domains() == before {
					time.Sleep(time.Millisecond)
				}
			},
			Can: platformtest.Abilities{Revoke: true, Reclaim: true, Scatter: true, Protect: canFault},
		}
	})
}
