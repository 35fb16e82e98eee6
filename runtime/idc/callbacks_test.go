package idc_test

import (
	"sync/atomic"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
)

// Callbacks may close their endpoint, whoever closed it first. None overlaps another, and
// a disconnect is told for each connect.
func TestCloseInCallback(t *testing.T) {
	for name, play := range map[string]struct {
		connect, disconnect, change bool // where it closes
		outside                     bool // it is closed by us, too
	}{
		"on connect":                {connect: true},
		"on connect and outside":    {connect: true, outside: true},
		"on disconnect":             {disconnect: true},
		"on disconnect and outside": {disconnect: true, outside: true},
		"on change":                 {change: true},
		"everywhere":                {connect: true, disconnect: true, change: true, outside: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			front, back := w.domain(), w.domain()
			s := idc.NewService(back, "c", new(counter).spec())
			defer s.Close()
			w.try(s.Ready(within(t, patience)))
			var f *idc.Front
			var inside, ups, downs atomic.Int64
			made, told := make(chan struct{}), make(chan struct{}, 10)
			callback := func(n *atomic.Int64, closes bool) {
				<-made
				if inside.Add(1) != 1 {
					t.Error("callbacks overlap")
				}
				if closes {
					f.Close()
				}
				if n != nil {
					n.Add(1)
				}
				inside.Add(-1)
				told <- struct{}{}
			}
			spec := frontSpec()
			spec.Refresh = func(*idc.KeyReader) (bool, error) { return true, nil }
			f = idc.NewFront(front, "c", spec,
				idc.OnConnect(func() { callback(&ups, play.connect) }),
				idc.OnDisconnect(func(error) { callback(&downs, play.disconnect) }),
				idc.OnChange(func() { callback(nil, play.change) }))
			close(made)
			<-told
			switch {
			case play.change:
				s.Republish()
			case play.disconnect && !play.outside:
				s.Close()
			}
			if play.outside {
				f.Close()
			}
			for downs.Load() == 0 {
				<-told
			}
			f.Close()
			if ups.Load() != 1 || downs.Load() != 1 {
				t.Errorf("%d connects, %d disconnects", ups.Load(), downs.Load())
			}
		})
	}
}
