// Package raw is a back end that shows what front ends send, byte for byte.
package raw

import (
	"bytes"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// Back serves p under the name "raw" until the test ends: it keeps each request's slot and
// has answer fill the response, which has size bytes.
type Back struct {
	Front idc.Domain // for front ends
	Slots [][]byte
}

// Serve starts a Back.
func Serve(t *testing.T, p *idc.Protocol, publish func(*idc.KeyWriter), size int, answer func(slot, rsp []byte)) *Back {
	t.Helper()
	d, peer := idctest.Pair(t)
	b := &Back{Front: d}
	if publish == nil {
		publish = func(*idc.KeyWriter) {}
	}
	s := idc.NewService(peer, "raw", idc.BackSpec{
		Protocol: p, Publish: publish, Accept: func(*idc.KeyReader) error { return nil },
		Handle: func(r *idc.Request) {
			slot := bytes.Clone(r.Slot())
			b.Slots = append(b.Slots, slot)
			answer(slot, r.Respond(size))
		},
	})
	t.Cleanup(func() { s.Close() })
	return b
}

// Last compares the last request with the bytes that it must have.
func (b *Back) Last(t *testing.T, want ...byte) {
	t.Helper()
	if len(b.Slots) == 0 {
		t.Fatal("nothing was sent")
	}
	if got := b.Slots[len(b.Slots)-1]; !bytes.HasPrefix(got, want) {
		t.Errorf("sent\n% x, want\n% x", got, want)
	}
}
