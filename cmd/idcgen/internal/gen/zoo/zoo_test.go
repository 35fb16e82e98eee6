package zoo

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// keeper answers with what it was asked, where that is possible.
type keeper struct{ t *testing.T }

func (k keeper) Count(_ context.Context, req CountRequest) (CountResponse, error) {
	return CountResponse{
		Animals: uint16(req.Cage), Grefs: [2]idc.GrantRef{1, 1 << 31},
		Oldest: Animal{Age: req.Place.Row(), Diet: req.Place.Diet(), Tag: 0x1234, Mass: 1 << 60, Name: [3]byte{'l', 'e', 'o'}},
	}, nil
}

func (k keeper) Move(_ context.Context, req MoveRequest) (uint8, error) {
	if req.To.Cages != [4]uint32{1, 2, 3, 4} {
		return 0, idc.Code(7)
	}
	return uint8(len(req.Herd)), nil
}

func (k keeper) Invite(_ context.Context, req InviteRequest) (InviteResponse, error) {
	return InviteResponse{Pass: [16]byte{15: byte(req.Who)}, Note: req.Name[:min(len(req.Name), 10)]}, nil
}

func (k keeper) Weigh(_ context.Context, req WeighRequest, picture *idc.Bulk) (int64, error) {
	return -int64(picture.Len()) - int64(req.FromBlock), nil
}

func (k keeper) CloseCall(context.Context, CloseCallRequest) error { return errors.New("never") }

func open(t *testing.T, keys BackKeys, opts ...idc.Option) *Front {
	testenv.Leaks(t)
	d, peer := idctest.Pair(t)
	s := Export(peer, "zoo", keys, keeper{t})
	t.Cleanup(func() { s.Close() })
	f, err := Open(context.Background(), d, "zoo", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestValues(t *testing.T) {
	f := open(t, BackKeys{FeatureGuests: true, Cages: 7, Keeper: "Ann"}, FrontKeys{Visitors: -5}.Option())
	ctx := t.Context()
	if got, want := f.Back(), (BackKeys{FeatureGuests: true, Cages: 7, Season: "summer", Keeper: "Ann"}); got != want {
		t.Errorf("keys %+v, want %+v", got, want)
	}
	place := Place(0).WithRow(100).WithDiet(DietMeat) | PlaceWarm
	got, err := f.Count(ctx, 9, place, true)
	want := CountResponse{Animals: 9, Grefs: [2]idc.GrantRef{1, 1 << 31},
		Oldest: Animal{Age: 100, Diet: DietMeat, Tag: 0x1234, Mass: 1 << 60, Name: [3]byte{'l', 'e', 'o'}}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("count: %+v, %v", got, err)
	}
	for n := range 6 {
		if moved, err := f.Move(ctx, make([]Animal, n), CageList{Cages: [4]uint32{1, 2, 3, 4}}); err != nil || int(moved) != n {
			t.Errorf("move %d: %d, %v", n, moved, err)
		}
	}
	if r, err := f.Invite(ctx, 9, 1, "somebody with a name"); err != nil || r.Pass[15] != 9 || r.Note != "somebody w" {
		t.Errorf("invite: %+v, %v", r, err)
	}
	if w, err := f.Weigh(ctx, 2, make([]byte, 10000)); err != nil || w != -10002 {
		t.Errorf("weigh: %d, %v", w, err)
	}
}

func TestMistakes(t *testing.T) {
	f := open(t, BackKeys{Cages: 100, Season: "winter"})
	ctx := t.Context()
	_, tooMany := f.Move(ctx, make([]Animal, 6), CageList{})
	_, elsewhere := f.Move(ctx, nil, CageList{})
	_, cannibal := f.Move(ctx, []Animal{{Diet: 3}}, CageList{})
	_, notOffered := f.Invite(ctx, 1, 1, "x")
	for name, c := range map[string]struct{ got, want error }{
		"too many elements":         {tooMany, idc.ErrTooLong},
		"a code of the protocol's":  {elsewhere, idc.Code(7)},
		"a value outside an enum":   {cannibal, idc.Malformed},
		"a transaction not offered": {notOffered, idc.Unsupported},
		"an error without code":     {f.CloseCall(ctx, 1, 2), idc.Failed},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

// TestBadKeys has a back end publish what the protocol doesn't allow.
func TestBadKeys(t *testing.T) {
	testenv.Leaks(t)
	for name, keys := range map[string]BackKeys{
		"a number out of range":    {Cages: 101},
		"a text that isn't listed": {Cages: 1, Season: "spring"},
	} {
		d, peer := idctest.Pair(t)
		s := Export(peer, "zoo", keys, keeper{t})
		f := NewFront(d, "zoo")
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200e6)
		if err := f.Connected(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: connected, %v", name, err)
		}
		cancel()
		f.Close()
		s.Close()
	}
}
