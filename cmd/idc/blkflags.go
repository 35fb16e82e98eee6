//go:build linux

package main

import (
	"slices"
	"strings"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// frontFlags choose what a front end uses of what its back end offers. They are named
// after the keys of the protocol.
type frontFlags struct {
	Queues        int    `default:"1" group:"What the front end uses:" help:"Rings to ask for."`
	RingPageOrder int    `default:"2" group:"What the front end uses:" placeholder:"N" help:"Pages of a ring, as a power of two: 0 to 4."`
	ABI           string `name:"abi" group:"What the front end uses:" placeholder:"NAME" help:"Layout of the slots: x86_64-abi, x86_32-abi or arm-abi (default: this machine's)."`
	NoPersistent  bool   `group:"What the front end uses:" help:"Have the back end map pages for each request anew."`
	Indirect      int    `default:"256" group:"What the front end uses:" placeholder:"N" help:"Most pages of one request; 11 or less need no indirect requests, and 0 is 11."`
}

func (f frontFlags) check() error {
	return firstOf(
		inRange("queues", f.Queues, 1, mostQueues), inRange("ring-page-order", f.RingPageOrder, 0, mostOrder),
		inRange("indirect", f.Indirect, 0, mostPages), checkABI(f.ABI))
}

// checkABI refuses an ABI that nobody speaks.
func checkABI(name string) error {
	if name != "" && !slices.Contains(abis, name) {
		return usagef("--abi %s: want one of %s", name, strings.Join(abis, ", "))
	}
	return nil
}

var abis = []string{"x86_64-abi", "x86_32-abi", "arm-abi"}

// options are those of every front end.
func (f frontFlags) options(e *env) []idc.Option {
	keys := blk.FrontKeys{FeatureLargeSectorSize: true}
	return []idc.Option{
		keys.Option(), idc.Queues(f.Queues), idc.RingOrder(f.RingPageOrder), idc.SpeakABI(f.ABI),
		idc.PersistentGrants(!f.NoPersistent), idc.MaxSegments(segments(f.Indirect)), idc.Logger(e.log),
	}
}

// segments is how many pages a request may have when --indirect is n: as many as fit
// into a slot when it is 0, since that asks for requests without indirection, not for
// small ones.
func segments(n int) int {
	if n <= 0 {
		return blk.MaxSegmentsPerRequest
	}
	return n
}

// frontOptions are the options of a front end that nobody chose any for.
func frontOptions(e *env, queues int) []idc.Option {
	return frontFlags{Queues: queues, RingPageOrder: 2, Indirect: 256}.options(e)
}

// backFlags choose what a back end offers. They are named after the keys of the
// protocol.
type backFlags struct {
	Queues           int  `default:"4" group:"What the back end offers:" placeholder:"N" help:"Most rings that a front end may have."`
	MaxRingPageOrder int  `default:"4" group:"What the back end offers:" placeholder:"N" help:"Most pages of a ring, as a power of two: 0 to 4."`
	NoPersistent     bool `group:"What the back end offers:" help:"Keep no pages of front ends mapped between requests."`
	Indirect         int  `default:"256" group:"What the back end offers:" placeholder:"N" help:"Most pages of one request; 11 or less for no indirect requests, and 0 is 11."`
	NoDiscard        bool `group:"What the back end offers:" help:"Don't let front ends free storage."`
}

func (b backFlags) check() error {
	return firstOf(
		inRange("queues", b.Queues, 1, mostQueues), inRange("max-ring-page-order", b.MaxRingPageOrder, 0, mostOrder),
		inRange("indirect", b.Indirect, 0, mostPages))
}

func (b backFlags) options(e *env) []idc.Option {
	return []idc.Option{
		idc.Queues(b.Queues), idc.RingOrder(b.MaxRingPageOrder), idc.PersistentGrants(!b.NoPersistent),
		idc.Fronts(1), idc.Logger(e.log),
	}
}

// restrict turns keys off.
func (b backFlags) restrict(keys blk.BackKeys) blk.BackKeys {
	keys.FeatureMaxIndirectSegments = min(keys.FeatureMaxIndirectSegments, uint32(segments(b.Indirect)))
	keys.FeatureDiscard = keys.FeatureDiscard && !b.NoDiscard
	return keys
}
