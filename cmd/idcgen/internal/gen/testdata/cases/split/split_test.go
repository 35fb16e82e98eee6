package split

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

const block = 4096

type disk struct{ b []byte }

func (d *disk) Write(_ context.Context, r WriteRequest, data *idc.Bulk) Status {
	at := int(r.Start) * block
	for _, b := range data.Unstable() {
		at += copy(d.b[at:], b)
	}
	return StatusOk
}

// TestDrift writes from every kind of place in shared memory, and from none: each part has
// to begin with a block, whatever one request could carry.
func TestDrift(t *testing.T) {
	fd, bd := idctest.Pair(t)
	d := &disk{make([]byte, 256*block)}
	s := Export(bd, "x", d)
	defer s.Close()
	f, err := Open(t.Context(), fd, "x")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf, err := f.Alloc(64 << 10)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	for i := range buf.Bytes() {
		buf.Bytes()[i] = byte(rand.IntN(256))
	}
	for _, at := range []int{0, 1, 512, block - 1, block} {
		for _, n := range []int{0, 1, block, 2 * block, 6 * block, 6*block + 77} {
			for name, data := range map[string][]byte{"shared": buf.Bytes()[at : at+n], "own": bytes.Clone(buf.Bytes()[at : at+n])} {
				clear(d.b)
				status, err := f.Write(t.Context(), 3, data)
				if err != nil || status != StatusOk || !bytes.Equal(d.b[3*block:3*block+n], data) {
					t.Fatalf("%d bytes of %s memory at %d: %v, %v, or they are elsewhere", n, name, at, status, err)
				}
			}
		}
	}
	if _, err := f.Write(t.Context(), 255, make([]byte, 2*block)); err == nil {
		t.Error("blocks were written beyond the last that can be named")
	}
	if status, err := f.Write(t.Context(), 255, make([]byte, block)); err != nil || status != StatusOk {
		t.Error(status, err)
	}
}
