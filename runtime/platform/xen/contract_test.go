//go:build linux && xenlab

// Tests with the tag xenlab need a Xen domain to run in: test/xen puts them there.

package xen_test

import (
	"fmt"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/platformtest"
	"github.com/xenidc/idc/runtime/platform/xen"
)

// TestContract runs the suite with several parts of the one domain that we are in:
// grants, mappings and channels lead back to it. The store is reached through xenstored's
// socket, where that is, and through the kernel's device.
func TestContract(t *testing.T) {
	const device = "/dev/xen/xenbus"
	d, err := xen.Join(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{device}
	if usual := d.StorePath(); usual != device {
		paths = append(paths, usual)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		t.Run("store="+path, func(t *testing.T) { contract(t, xen.WithStore(path)) })
	}
}

func contract(t *testing.T, opts ...xen.Option) {
	platformtest.Run(t, func(t testing.TB) *platformtest.World {
		var all []*xen.Domain
		return &platformtest.World{
			NewDomain: func(t testing.TB) platform.Domain {
				d, err := xen.Join(t.Context(), opts...)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, d)
				return d
			},
			// The kernel closes a dead process's descriptors: to a peer it is the same.
			Kill: func(t testing.TB, d platform.Domain) {
				if err := d.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			},
			Held: func() (held []string) {
				for i, d := range all {
					if s := d.Stats(); s.Granted+s.Mapped+s.Channels > 0 {
						held = append(held, fmt.Sprintf("part %d: %+v", i, s))
					}
				}
				return held
			},
			Can: platformtest.Abilities{Reclaim: true, ReclaimLate: true, Scatter: true, Protect: true, Copy: true, SameID: true},
		}
	})
}
