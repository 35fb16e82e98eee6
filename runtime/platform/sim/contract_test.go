package sim_test

import (
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/platformtest"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// contract runs the suite in worlds with the given options.
func contract(t *testing.T, opts sim.Options, can platformtest.Abilities) {
	platformtest.Run(t, func(t testing.TB) *platformtest.World {
		w := sim.New(opts)
		t.Cleanup(w.Close)
		return &platformtest.World{
			NewDomain: func(t testing.TB) platform.Domain {
				d, err := w.NewDomain()
				if err != nil {
					t.Fatal(err)
				}
				return d
			},
			Kill: func(_ testing.TB, d platform.Domain) { w.Kill(d.ID()) },
			Held: w.Leaks,
			Can:  can,
		}
	})
}

func TestContract(t *testing.T) {
	contract(t, sim.Options{}, platformtest.Abilities{Revoke: true, Copy: true})
}

// TestContractHoldingGrants runs the suite where pages can't be taken from a peer,
// as on Xen.
func TestContractHoldingGrants(t *testing.T) {
	contract(t, sim.Options{HoldGrants: true}, platformtest.Abilities{Copy: true})
}

// TestContractShaken runs the suite with a scheduler that was upset.
func TestContractShaken(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		contract(t, sim.Options{Hook: sim.Shake(seed, 3)}, platformtest.Abilities{Revoke: true, Copy: true})
	}
}
