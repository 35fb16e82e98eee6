package disk_windows

import (
	"context"
	"os"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

type keeper struct{}

func (keeper) CloseCall(_ context.Context, r CloseCallRequest) (CloseCallResponse, error) {
	return CloseCallResponse{Err: r.Err, Ok: r.Type == FrontTypeFunc && r.Len == 9 && string(r.String) == "abc" && r.Ctx == 7}, nil
}

func (keeper) Set(_ context.Context, r SetRequest) (uint8, error) {
	return uint8(r.Bit.Export.String()) + r.Range + r.Bit.Value.ReadByteBits(), nil
}

func (keeper) Handle(_ context.Context, r HandleRequest, data *idc.Bulk) error {
	data.Unstable()[0][0] = r.Done + r.Segs
	return nil
}

func (keeper) Publish(context.Context, PublishRequest) error           { return nil }
func (keeper) ReadByteCall(context.Context, ReadByteCallRequest) error { return nil }

func TestNames(t *testing.T) {
	if _, err := os.Stat("disk_windows_idc.idc.go"); err != nil {
		t.Error(err)
	}
	d, peer := idctest.Pair(t)
	s := Export(peer, "x", BackKeys{Option: 2}, keeper{})
	defer s.Close()
	f := NewFront(d, "x", FrontKeys{OptionKey: 5}.Option())
	defer f.Close()
	ctx := t.Context()
	service := ServiceType{Len: 1, Type: [OpenConst]uint8{1, 2, 3, 4}, Put: 1 << 31}
	r, err := f.CloseCall(ctx, FrontTypeFunc, 9, []byte("abc"), service, 1, 2, 3, 4, 5, 7, 8)
	if err != nil || !r.Ok || r.Err != service {
		t.Error(r, err)
	}
	var g Group
	g.Export.SetString(40)
	g.Value = BackType(0).WithReadByteBits(2) | BackTypeGo
	if n, err := f.Set(ctx, 1, g); err != nil || n != 43 {
		t.Error(n, err)
	}
	data := make([]byte, 10)
	if err := f.Handle(ctx, data, FrontTypeType, 3, 4); err != nil || data[0] != 7 {
		t.Error(data, err)
	}
	if err := f.Publish(ctx, 1, 2, 3, 4); err != nil {
		t.Error(err)
	}
	if err := f.ReadByteCall(ctx, 1); err != nil {
		t.Error(err)
	}
}
