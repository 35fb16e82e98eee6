//go:build linux

package main

import (
	"testing"

	"github.com/xenidc/idc/generated/blk"
)

// Without indirect requests a request still has all the pages that a slot can name.
func TestIndirectFlag(t *testing.T) {
	for flag, want := range map[int]int{-1: 11, 0: 11, 1: 1, 11: 11, 256: 256} {
		if got := segments(flag); got != want {
			t.Errorf("--indirect %d is %d pages", flag, got)
		}
		if got := (backFlags{Indirect: flag}).restrict(blk.BackKeys{FeatureMaxIndirectSegments: 256}); got.FeatureMaxIndirectSegments != uint32(want) {
			t.Errorf("with --indirect %d a back end publishes %d", flag, got.FeatureMaxIndirectSegments)
		}
	}
}
