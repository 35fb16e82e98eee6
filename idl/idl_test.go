package idl

import (
	"testing"

	"github.com/xenidc/idc/idl/schema"
)

func TestProtocolsLoad(t *testing.T) {
	for _, name := range []string{"blk", "usb"} {
		if _, err := Load("../protocols/" + name + ".idc"); err != nil {
			t.Error(err)
		}
	}
}

// The numbers come from xen/include/public/io/blkif.h, compiled with -m64 and -m32.
func TestBlkLayout(t *testing.T) {
	p, err := Load("../protocols/blk.idc")
	if err != nil {
		t.Fatal(err)
	}
	ring := p.RingByName("requests")
	if want := (schema.PerABI{112, 108, 112}); ring.Stride != want {
		t.Errorf("stride = %v, want %v", ring.Stride, want)
	}
	for pages, want := range map[int]int{1: 32, 2: 64, 16: 512} {
		if got := ring.Slots(schema.X86_32, pages); got != want {
			t.Errorf("%d pages hold %d slots, want %d", pages, got, want)
		}
	}
}
