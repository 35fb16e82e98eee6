package choice

import (
	"context"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// adder answers how much it was given, as the status that it isn't.
type adder struct{}

func (adder) Sum(_ context.Context, _ SumRequest, data *idc.Bulk) Status { return Status(data.Len()) }

// The large form is used only where the back says that it may be.
func TestForms(t *testing.T) {
	for _, large := range []bool{false, true} {
		d, peer := idctest.Pair(t)
		s := Export(peer, "x", BackKeys{FeatureLarge: large}, adder{})
		f, err := Open(t.Context(), d, "x")
		if err != nil {
			t.Fatal(err)
		}
		most := 2 * 4096
		if large {
			most = 16 * 4096
		}
		for _, n := range []int{1, 4096, 2 * 4096, 3 * 4096, 16 * 4096} {
			data, err := f.Alloc(n)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Sum(t.Context(), data.Bytes())
			if ok := n <= most; ok != (err == nil) || ok && got != Status(n) {
				t.Errorf("large %v: %d bytes: %v, %v", large, n, got, err)
			}
			data.Free()
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
