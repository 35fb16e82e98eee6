package idc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/idc"
)

// age is one version of a protocol: its slots have size bytes, all of which are
// fields that it fills with 0xff behind the first 16.
type age struct{ version, size int }

func (a age) protocol() *idc.Protocol {
	p := protocol
	p.ABIs = []idc.ABI{{Wire: idc.Wire{Stride: a.size, Request: a.size, Response: a.size, ResponseID: idc.Field{Size: 8}}}}
	p.Version, p.Ring.SlotSize = a.version, "slot-size"
	return &p
}

// fill writes what an end of this age has to say.
func (a age) fill(slot []byte, id, v uint64) {
	binary.LittleEndian.PutUint64(slot, id)
	binary.LittleEndian.PutUint64(slot[8:], v)
	copy(slot[16:], bytes.Repeat([]byte{0xff}, a.size))
}

// check finds bytes that an end of age b can't have written.
func (a age) check(slot []byte, b age) error {
	for i, c := range slot[16:a.size] {
		if want := b.size > 16+i; want != (c == 0xff) || !want && c != 0 {
			return fmt.Errorf("an end that knows %d bytes got %#x at %d from one that knows %d", a.size, c, 16+i, b.size)
		}
	}
	return nil
}

func (a age) back(d idc.Domain, peer age, wrong chan<- error, keys ...string) *idc.Service {
	spec := new(counter).spec()
	spec.Protocol = a.protocol()
	spec.Publish = publish(keys)
	spec.Handle = func(r *idc.Request) {
		if err := a.check(r.Slot(), peer); err != nil {
			wrong <- err
		}
		s := r.Slot()
		a.fill(r.Respond(a.size), binary.LittleEndian.Uint64(s), binary.LittleEndian.Uint64(s[8:])+1)
	}
	return idc.NewService(d, "grown", spec)
}

func publish(keys []string) func(*idc.KeyWriter) {
	return func(w *idc.KeyWriter) {
		for i := 0; i < len(keys); i += 2 {
			w.Text(keys[i], keys[i+1])
		}
	}
}

func (a age) front(d idc.Domain, keys ...string) *idc.Front {
	spec := frontSpec()
	spec.Protocol, spec.Publish = a.protocol(), publish(keys)
	return idc.NewFront(d, "grown", spec)
}

func (a age) call(ctx context.Context, f *idc.Front, v uint64, peer age) error {
	t, err := f.Begin(ctx, nil, 0, 0)
	if err != nil {
		return err
	}
	if err := t.Run(ctx, func(t *idc.Txn) { a.fill(t.Request(a.size), t.ID(), v) }, false); err != nil {
		return err
	}
	defer t.End()
	if got := binary.LittleEndian.Uint64(t.Response()[8:]); got != v+1 {
		return fmt.Errorf("%d was answered with %d", v, got)
	}
	return a.check(t.Response(), peer)
}

// TestAges has ends of every age talk to each other, for longer than their ring is.
func TestAges(t *testing.T) {
	ages := []age{{0, 16}, {1, 16}, {2, 24}, {3, 24}, {4, 40}, {5, 4032}}
	for _, a := range ages {
		for _, b := range ages {
			if a.size != b.size && a.version == b.version {
				continue
			}
			t.Run(fmt.Sprintf("front %d %d back %d %d", a.version, a.size, b.version, b.size), func(t *testing.T) {
				w := newWorld(t)
				wrong := make(chan error, 1000)
				s := b.back(w.domain(), a, wrong)
				defer s.Close()
				f := a.front(w.domain())
				defer f.Close()
				ctx := within(t, 20*time.Second)
				for v := range uint64(400) {
					if err := a.call(ctx, f, v, b); err != nil {
						t.Fatalf("call %d: %v", v, err)
					}
				}
				select {
				case err := <-wrong:
					t.Error(err)
				default:
				}
			})
		}
	}
}

// TestBadSlotSizes has each end publish sizes that make no sense: the other refuses,
// and serves the next that does.
func TestBadSlotSizes(t *testing.T) {
	a := age{1, 24}
	for _, size := range []string{"0", "-1", "x", "12", "20", "4033", "4040", "4294967296", "18446744073709551616"} {
		t.Run("front "+size, func(t *testing.T) {
			w := newWorld(t)
			s := a.back(w.domain(), a, make(chan error, 10))
			defer s.Close()
			f := a.front(w.domain(), "slot-size", size)
			if err := f.Connected(within(t, 100*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("connected, %v", err)
			}
			f.Close()
			good := a.front(w.domain())
			defer good.Close()
			if err := a.call(within(t, 20*time.Second), good, 1, a); err != nil {
				t.Error(err)
			}
		})
		t.Run("back "+size, func(t *testing.T) {
			w := newWorld(t)
			s := a.back(w.domain(), a, make(chan error, 10), "slot-size", size)
			defer s.Close()
			f := a.front(w.domain())
			defer f.Close()
			if err := f.Connected(within(t, 100*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("connected, %v", err)
			}
		})
	}
}
