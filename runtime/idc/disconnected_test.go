package idc

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// What never was isn't said to be lost, and is an ErrDisconnected all the same.
func TestNeverConnected(t *testing.T) {
	_, d := lendWorld(t)
	f := NewFront(d[0], "c", FrontSpec{
		Protocol: lendProtocol, Publish: func(*KeyWriter) {}, Negotiate: func(*KeyReader) (int, error) { return 1, nil },
	})
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	err := f.Connected(ctx)
	if !errors.Is(err, ErrDisconnected) || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "lost") ||
		!strings.Contains(err.Error(), "no back end serves that name") {
		t.Errorf("Connected: %v", err)
	}
	if _, err := f.Alloc(1); !errors.Is(err, ErrDisconnected) || strings.Contains(err.Error(), "lost") {
		t.Errorf("Alloc: %v", err)
	}
	s := serveFailing(d[1])
	if ok, err := ask(t.Context(), f, 0); !ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	s.Close()
	// The front end may have begun anew with a service that was ending: it hears of that later.
	for err = nil; err == nil; {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		err = f.Connected(ctx)
		cancel()
	}
	if !errors.Is(err, ErrDisconnected) {
		t.Errorf("afterwards: %v", err)
	}
}
