package unions

import (
	"testing"

	"example.com/cases/raw"
)

func TestSent(t *testing.T) {
	b := raw.Serve(t, &protocol, nil, 8, func(slot, rsp []byte) { copy(rsp, slot[:4]) })
	f := NewFront(b.Front, "raw")
	defer f.Close()
	var u U
	u.SetI(Inner{X: 0x01020304, Y: 0x0506})
	if status, err := f.A(t.Context(), u); err != nil || status != StatusOk {
		t.Fatal(status, err)
	}
	b.Last(t, 0, 0, 0, 0, 1, 0, 0, 0, 4, 3, 2, 1, 5, 6, 0, 0, 0, 0, 0, 0)
	if got := u.I(); got.Y != 0x0506 || u.W() != 0x0605_01020304 {
		t.Errorf("%+v, %#x", got, u.W())
	}
	if status, err := f.B(t.Context(), 0x0a0b); err != nil || status != StatusOk {
		t.Fatal(status, err)
	}
	b.Last(t, 0, 0, 0, 0, 2, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 10, 11, 0, 0)
}
