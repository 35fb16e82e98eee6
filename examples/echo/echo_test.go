package echo_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/xenidc/idc/examples/echo"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

type driver struct{}

func (driver) Echo(_ context.Context, req echo.EchoRequest) ([64]uint8, error) { return req.Data, nil }

func (driver) Sum(_ context.Context, _ echo.SumRequest, data *idc.Bulk) (sum uint64, err error) {
	p := make([]byte, data.Len())
	data.CopyTo(p, 0)
	for _, b := range p {
		sum += uint64(b)
	}
	return sum, nil
}

func (driver) Fill(_ context.Context, req echo.FillRequest, data *idc.Bulk) error {
	data.CopyFrom(bytes.Repeat([]byte{req.Value}, data.Len()), 0)
	return nil
}

func open(tb testing.TB, opts ...idc.Option) *echo.Front {
	testenv.Leaks(tb)
	front, back := idctest.Pair(tb)
	s := echo.Export(back, "echo", driver{}, opts...)
	tb.Cleanup(func() { s.Close() })
	f, err := echo.Open(context.Background(), front, "echo", opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { f.Close() })
	return f
}

func TestEcho(t *testing.T) {
	f := open(t)
	want := [64]uint8{1, 2, 63: 3}
	if got, err := f.Echo(t.Context(), want); err != nil || got != want {
		t.Errorf("%v, %v", got, err)
	}
}

func TestBulk(t *testing.T) {
	f := open(t)
	for _, n := range []int{0, 1, 4095, 4096, 4097, 8 * 4096, 8*4096 + 1, 1 << 20} {
		p := make([]byte, n)
		if err := f.Fill(t.Context(), 3, p); err != nil {
			t.Fatalf("fill %d: %v", n, err)
		}
		if sum, err := f.Sum(t.Context(), p); err != nil || sum != 3*uint64(n) {
			t.Errorf("sum of %d: %d, %v", n, sum, err)
		}
	}
	if err := f.Fill(t.Context(), 3, make([]byte, 1<<20+1)); !errors.Is(err, idc.ErrTooLong) {
		t.Errorf("fill too much: %v", err)
	}
}

// TestNoAllocation holds the promise that a transaction of 64 bytes allocates
// nothing on either side.
func TestNoAllocation(t *testing.T) {
	f := open(t)
	ctx := context.Background()
	op := func() { f.Echo(ctx, [64]uint8{}) }
	op()
	if n := testing.AllocsPerRun(1000, op); n != 0 {
		t.Errorf("allocates %v times", n)
	}
}

func BenchmarkEcho(b *testing.B) {
	for name, opts := range map[string][]idc.Option{"spinning": nil, "polled": {idc.Polled()}, "sleeping": {idc.Spin(-1)}} {
		b.Run(name, func(b *testing.B) {
			f := open(b, opts...)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := f.Echo(context.Background(), [64]uint8{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
