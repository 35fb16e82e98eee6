package idc_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xenidc/idc/runtime/idc"
)

// A handler that doesn't return keeps a service from ending for a while, in which its
// context ends, and no longer.
func TestHandlerNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		front, back := w.domain(), w.domain()
		hold, asked := make(chan struct{}), make(chan time.Time, 1)
		spec := new(counter).spec()
		spec.Handle = func(r *idc.Request) {
			<-r.Context().Done()
			asked <- time.Now()
			<-hold
		}
		s := idc.NewService(back, "c", spec, idc.Spin(-1))
		f := idc.NewFront(front, "c", frontSpec(), idc.Spin(-1))
		go add(t.Context(), f, 1, false)
		w.try(f.Connected(within(t, patience)))
		time.Sleep(time.Second)
		start := time.Now()
		if err := s.Close(); !errors.Is(err, idc.ErrHandlers) {
			t.Errorf("Close: %v", err)
		}
		if took, limit := time.Since(start), 20*time.Second; took > limit {
			t.Errorf("Close took %v", took)
		}
		if took := (<-asked).Sub(start); took < 9*time.Second || took > 11*time.Second {
			t.Errorf("the context ended after %v", took)
		}
		f.Close()
		close(hold)
		synctest.Wait()
	})
}

// A handler that closes its own service is waited for in vain, but not for ever.
func TestCloseInHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		front, back := w.domain(), w.domain()
		var s *idc.Service
		made, result := make(chan struct{}), make(chan error)
		spec := new(counter).spec()
		spec.Handle = func(*idc.Request) {
			<-made
			result <- s.Close()
		}
		s = idc.NewService(back, "c", spec, idc.Spin(-1))
		close(made)
		f := idc.NewFront(front, "c", frontSpec(), idc.Spin(-1))
		go add(t.Context(), f, 1, false)
		if err := <-result; !errors.Is(err, idc.ErrHandlers) {
			t.Errorf("Close: %v", err)
		}
		f.Close()
		synctest.Wait()
	})
}
