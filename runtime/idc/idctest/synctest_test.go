package idctest_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// late is a store that takes its time.
type late struct{ time.Duration }

func (l late) Get(ctx context.Context, req kv.GetRequest) ([]byte, error) {
	if req.Key == "now" {
		return []byte("at once"), nil
	}
	select {
	case <-time.After(l.Duration):
		return []byte("late"), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l late) Put(context.Context, kv.PutRequest) error { return nil }

// Both ends run in a bubble with fake time, with the options that they have by default:
// nothing waits for a clock that stands still, and an hour passes at once.
func TestSynctest(t *testing.T) {
	for name, opts := range map[string][]idc.Option{
		"defaults": nil, "patient": {idc.Spin(time.Millisecond)}, "one worker": {idc.Workers(1)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				front, back := idctest.Pair(t)
				s := kv.Export(back, "store", late{time.Hour}, opts...)
				defer s.Close()
				f := kv.NewFront(front, "store", opts...)
				defer f.Close()
				for range 20 {
					if v, err := f.Get(t.Context(), "now"); err != nil || string(v) != "at once" {
						t.Fatalf("%q, %v", v, err)
					}
				}
				start := time.Now()
				if v, err := f.Get(t.Context(), "later"); err != nil || string(v) != "late" {
					t.Errorf("%q, %v", v, err)
				}
				if took := time.Since(start); took < time.Hour || took > time.Hour+time.Minute {
					t.Errorf("an hour took %v", took)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if _, err := f.Get(ctx, "later"); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("after a minute: %v", err)
				}
				if v, err := f.Get(t.Context(), "now"); err != nil || string(v) != "at once" {
					t.Errorf("while another is under way: %q, %v", v, err)
				}
			})
		})
	}
}
