package idc_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
)

// machine is a domain on a platform that knows users.
type machine struct {
	platform.Domain
	users *sync.Map // uid by domain
}

func (m *machine) UserOf(d platform.DomID) (uid, gid uint32, err error) {
	v, ok := m.users.Load(d)
	if !ok {
		return 0, 0, platform.ErrNoDomain
	}
	return v.(uint32), 0, nil
}

func TestServersOfUsers(t *testing.T) {
	const alice, bob = uint32(1000), uint32(1001)
	for name, c := range map[string]struct {
		opts   []idc.Option
		serve  []uint32 // who serves, one after another
		accept []bool
	}{
		"the first, and nobody else":  {nil, []uint32{alice, bob, alice, alice}, []bool{true, false, true, true}},
		"whoever it is":               {[]idc.Option{idc.AnyServer()}, []uint32{alice, bob, 0}, []bool{true, true, true}},
		"one who was asked for":       {[]idc.Option{idc.ServerUID(bob)}, []uint32{alice, bob, 0, bob}, []bool{false, true, false, true}},
		"one of two":                  {[]idc.Option{idc.ServerUID(alice, bob)}, []uint32{bob, alice, 0}, []bool{true, true, false}},
		"nobody is asked for by none": {[]idc.Option{idc.ServerUID()}, []uint32{alice}, []bool{false}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			users := new(sync.Map)
			f := idc.NewFront(&machine{w.domain(), users}, "c", frontSpec(), c.opts...)
			defer f.Close()
			for i, uid := range c.serve {
				back := w.domain()
				users.Store(back.ID(), uid)
				s := idc.NewService(back, "c", new(counter).spec())
				w.try(s.Ready(within(t, patience)))
				if c.accept[i] {
					check(t, f, uint64(i))
				} else {
					refused(t, f)
				}
				w.kill(back)
				s.Close()
			}
		})
	}
}

// refused waits until a front end says that it doesn't want the server that there is.
func refused(t *testing.T, f *idc.Front) {
	t.Helper()
	var err error
	for range 5000 {
		if err = f.Connected(within(t, time.Millisecond)); errors.Is(err, idc.ErrServer) {
			break
		}
	}
	if !errors.Is(err, idc.ErrServer) || !errors.Is(err, idc.ErrDisconnected) {
		t.Errorf("got %v", err)
	}
	if err := f.Connected(within(t, 20*time.Millisecond)); err == nil {
		t.Error("connected")
	}
}

// Where the platform doesn't know users, a front end that asks for one gets no server.
func TestServerWithoutUsers(t *testing.T) {
	w := newWorld(t)
	s := idc.NewService(w.domain(), "c", new(counter).spec())
	defer s.Close()
	w.try(s.Ready(within(t, patience)))
	f := idc.NewFront(w.domain(), "c", frontSpec(), idc.ServerUID(0))
	defer f.Close()
	refused(t, f)
}

// Seats are shared between users first: many domains of one don't get more than one of
// another.
func TestSeatsOfUsers(t *testing.T) {
	w := newWorld(t)
	users := new(sync.Map)
	of := func(uid uint32) platform.Domain {
		d := w.domain()
		users.Store(d.ID(), uid)
		return d
	}
	s := idc.NewService(&machine{w.domain(), users}, "c", new(counter).spec(), idc.Fronts(6))
	defer s.Close()
	var crowd []*idc.Front
	for range 6 {
		crowd = append(crowd, w.fronts(t, of(1000), 1)...)
	}
	alone := w.fronts(t, of(1001), 3)
	for range 5000 {
		if up(crowd) == 3 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if up(crowd) != 3 || up(alone) != 3 {
		t.Errorf("the many have %d seats, the one has %d", up(crowd), up(alone))
	}
}
