package places

import (
	"context"
	"errors"
	"testing"

	"example.com/cases/raw"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

func TestSent(t *testing.T) {
	b := raw.Serve(t, &protocol, nil, 36, func(slot, rsp []byte) {
		copy(rsp, slot[:4])
		copy(rsp[8:], []byte{0x20, 0x5a, 0xff, 3, 0xff, 0xff, 0x34, 0x12})
		copy(rsp[28:], "wxyz")
	})
	f := NewFront(b.Front, "raw")
	defer f.Close()
	ctx := t.Context()
	if status, err := f.A(ctx); err != nil || status != StatusOk {
		t.Fatal(status, err)
	}
	b.Last(t, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0x20, 3, 0, 0)
	r, status, err := f.B(ctx, 0x1234, 0xab, true, 0x01020304)
	if err != nil || status != StatusOk || r != (BResponse{Kind: 10, Urgent: true, Offset: 0x1234}) {
		t.Error(r, status, err)
	}
	b.Last(t, 0, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0x10, 0xab, 0, 0, 0, 0x34, 0x12, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0)
	text, status, err := f.C(ctx, []byte("data"), []byte{9, 8}, 1)
	if err != nil || status != StatusOk || text != "wxy" {
		t.Errorf("%q, %v, %v", text, status, err)
	}
	b.Last(t, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 'd', 'a', 't', 'a', 0, 9, 8, 0)
	if _, _, err := f.C(ctx, make([]byte, 6), nil, 1); !errors.Is(err, idc.ErrTooLong) {
		t.Error(err)
	}
}

type back struct{ t *testing.T }

func (k back) A(context.Context, ARequest) Status { return StatusOk }

func (k back) B(_ context.Context, r BRequest) (BResponse, Status) {
	if r != (BRequest{Offset: 0xfffe, Addr: 0x80, Last: true, Length: 1 << 31}) {
		k.t.Errorf("%+v", r)
	}
	return BResponse{Kind: 15, Offset: r.Offset}, StatusOk
}

func (k back) C(_ context.Context, r CRequest) (string, Status) {
	if string(r.Data) != "12345" || len(r.More) != 3 || r.More[2] != 7 || r.Addr != 255 {
		k.t.Errorf("%+v", r)
	}
	return "text", StatusOk
}

func TestServed(t *testing.T) {
	d, peer := idctest.Pair(t)
	s := Export(peer, "x", back{t})
	defer s.Close()
	f := NewFront(d, "x")
	defer f.Close()
	if r, status, err := f.B(t.Context(), 0xfffe, 0x80, true, 1<<31); err != nil || status != StatusOk || r.Kind != 15 || r.Urgent || r.Offset != 0xfffe {
		t.Error(r, status, err)
	}
	if text, status, err := f.C(t.Context(), []byte("12345"), []byte{0, 0, 7}, 255); err != nil || status != StatusOk || text != "text" {
		t.Error(text, status, err)
	}
}
