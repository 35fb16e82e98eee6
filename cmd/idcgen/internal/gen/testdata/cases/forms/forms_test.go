package forms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"example.com/cases/raw"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

const page = 4096

type back struct{ got []byte }

func (k *back) A(_ context.Context, _ ARequest, data *idc.Bulk) Status { return k.keep(data) }
func (k *back) B(_ context.Context, _ BRequest, data *idc.Bulk) Status { return k.keep(data) }
func (k *back) C(context.Context, CRequest) Status                     { return StatusOk }

func (k *back) keep(data *idc.Bulk) Status {
	k.got = nil
	for _, b := range data.Unstable() {
		k.got = append(k.got, b...)
	}
	return StatusOk
}

// TestOffered sends as many pages as each back end takes, and one more.
func TestOffered(t *testing.T) {
	for _, c := range []struct {
		keys BackKeys
		most int
	}{
		{BackKeys{MaxPieces: 1}, 2},
		{BackKeys{MaxPieces: 1, FeatureLarge: true}, 4},
		{BackKeys{MaxPieces: 7}, 7},
		{BackKeys{MaxPieces: 9, FeatureLarge: true}, 9},
		{BackKeys{}, 256},
	} {
		t.Run(fmt.Sprintf("%+v", c.keys), func(t *testing.T) {
			d, peer := idctest.Pair(t)
			k := new(back)
			s := Export(peer, "x", c.keys, k)
			defer s.Close()
			f := NewFront(d, "x")
			defer f.Close()
			ctx := t.Context()
			for n := 1; n <= min(c.most, 10); n++ {
				data := bytes.Repeat([]byte{byte(n)}, n*page)
				if status, err := f.A(ctx, data); err != nil || status != StatusOk || !bytes.Equal(k.got, data) {
					t.Fatalf("%d pages: %v, %v", n, status, err)
				}
			}
			if _, err := f.A(ctx, make([]byte, (c.most+1)*page)); !errors.Is(err, idc.ErrTooLong) {
				t.Errorf("%d pages: %v", c.most+1, err)
			}
			if status, err := f.B(ctx, bytes.Repeat([]byte{7}, 3*page)); err != nil || status != StatusOk || len(k.got) != 3*page {
				t.Errorf("another kind: %v, %v", status, err)
			}
			if _, err := f.B(ctx, make([]byte, 513)); err == nil {
				t.Error("half a piece was sent")
			}
			want := map[bool]Status{true: StatusOk, false: StatusUnknown}[c.keys.FeatureLarge]
			if status, err := f.C(ctx); err != nil || status != want {
				t.Errorf("only: %v, %v", status, err)
			}
		})
	}
}

func TestSent(t *testing.T) {
	b := raw.Serve(t, &protocol, BackKeys{FeatureLarge: true}.publish, 8, func(slot, rsp []byte) {
		copy(rsp, slot[:4])
		clear(slot[12:16]) // the references
		if slot[4] == 4 {
			clear(slot[16:20])
		}
	})
	f, err := Open(t.Context(), b.Front, "raw")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	buf, err := f.Alloc(2 * page)
	if err != nil {
		t.Fatal(err)
	}
	defer buf.Free()
	f.A(t.Context(), buf.Bytes()[512:0x533])
	b.Last(t, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x33, 3)
	f.A(t.Context(), make([]byte, 3*page))
	b.Last(t, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10)
	f.B(t.Context(), buf.Bytes()[512:2048])
	b.Last(t, 0, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
}
