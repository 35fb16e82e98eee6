package text

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

type back struct{}

func (back) Echo(_ context.Context, r EchoRequest) (EchoResponse, error) {
	if r.Name == "too long" {
		r.Inner.Text = "12345"
	}
	return EchoResponse(r), nil
}

func TestEcho(t *testing.T) {
	d, peer := idctest.Pair(t)
	s := Export(peer, "x", back{})
	defer s.Close()
	f := NewFront(d, "x")
	defer f.Close()
	ctx := t.Context()
	inner := Name{Text: "abcd", List: [2]uint16{0x1234, 0xffff}}
	for _, name := range []string{"", "abc", "12345678", "\x00x"} {
		list, names := [2]Sectors{0x12345678, 1 << 31}, []Name{inner, {Text: "z"}}
		r, err := f.Echo(ctx, name, list, inner, names)
		if err != nil || !reflect.DeepEqual(r, EchoResponse{name, list, inner, names}) {
			t.Errorf("%q became %+v, %v", name, r, err)
		}
	}
	long := inner
	long.Text = "abcde"
	_, err1 := f.Echo(ctx, "123456789", [2]Sectors{}, inner, nil)
	_, err2 := f.Echo(ctx, "", [2]Sectors{}, long, nil)
	_, err3 := f.Echo(ctx, "", [2]Sectors{}, inner, []Name{inner, long})
	_, err4 := f.Echo(ctx, "", [2]Sectors{}, inner, make([]Name, 3))
	for i, err := range []error{err1, err2, err3, err4} {
		if !errors.Is(err, idc.ErrTooLong) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if _, err := f.Echo(ctx, "too long", [2]Sectors{}, inner, nil); !errors.Is(err, idc.Failed) {
		t.Error("a result that is too long: ", err)
	}
}
