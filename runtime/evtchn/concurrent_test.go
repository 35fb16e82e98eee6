package evtchn

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// station is a receiver that sleeps when it has nothing to do, and senders that
// ring it. Each port has a count that its sender raises before it rings.
type station struct {
	*pair
	kick  chan struct{}
	count []atomic.Uint64
	seen  []uint64
}

func newStation(t testing.TB, ports int) *station {
	return &station{
		pair:  newPair(t, ports),
		kick:  make(chan struct{}, 1),
		count: make([]atomic.Uint64, ports),
		seen:  make([]uint64, ports),
	}
}

func (st *station) ring(port uint32, priority uint8) {
	st.count[port].Add(1)
	if st.s.SetPending(port, priority) {
		select {
		case st.kick <- struct{}{}:
		default:
		}
	}
}

// receive serves ports until each has seen rounds. unmasked says how a port is
// served: as it comes, or masked while it is served.
func (st *station) receive(rounds uint64, maskWhileServed bool) error {
	left := len(st.seen) - 1
	serve := func(port uint32) {
		if st.seen[port] < rounds {
			if st.seen[port] = st.count[port].Load(); st.seen[port] == rounds {
				left--
			}
		}
	}
	deliver := serve
	if maskWhileServed {
		deliver = func(port uint32) {
			st.r.Mask(port)
			serve(port)
			for st.r.Unmask(port) {
				st.r.Clear(port)
				st.r.Mask(port)
				serve(port)
			}
		}
	}
	timeout := time.After(30 * time.Second)
	for left > 0 {
		if st.r.Consume(8, deliver) || left == 0 {
			continue // nobody kicks after the last one
		}
		select {
		case <-st.kick:
		case <-timeout:
			return fmt.Errorf("asleep with %d ports unserved", left)
		}
	}
	return nil
}

// TestNoLostWake has several senders, each with ports of its own at changing
// priorities, and a receiver that sleeps whenever Consume lets it.
func TestNoLostWake(t *testing.T) {
	const senders, portsEach, rounds = 4, 64, 200
	for _, procs := range []int{1, 2} {
		for _, masking := range []bool{false, true} {
			t.Run(fmt.Sprintf("procs=%d/masking=%v", procs, masking), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				st := newStation(t, senders*portsEach+1)
				var wg sync.WaitGroup
				for sender := range senders {
					wg.Go(func() {
						rnd := rand.New(rand.NewPCG(1, uint64(sender)))
						for range rounds {
							for i := range portsEach {
								st.ring(uint32(1+sender*portsEach+i), uint8(rnd.Uint32()%Queues))
							}
							runtime.Gosched()
						}
					})
				}
				if err := st.receive(rounds, masking); err != nil {
					t.Error(err)
				}
				wg.Wait()
			})
		}
	}
}

// TestHostileWriter runs an honest sender and receiver while a third party writes
// all over both areas. Nothing is promised but that both come back.
func TestHostileWriter(t *testing.T) {
	p := newPair(t, modelPorts)
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		rnd := rand.New(rand.NewPCG(2, 3))
		for !stop.Load() {
			port := rnd.Uint32() % modelPorts
			p.array.Store32(4*int(port), scribble(byte(rnd.Uint32()), port))
			p.control.Store32(4*int(rnd.Uint32()%18), rnd.Uint32())
		}
	})
	wg.Go(func() {
		for i := range uint32(20000) {
			p.s.SetPending(i%modelPorts, uint8(i))
		}
	})
	for range 5000 {
		p.r.Consume(64, func(uint32) {})
		p.r.Unmask(uint32(1 + rand.Uint32()%(modelPorts-1)))
	}
	stop.Store(true)
	wg.Wait()
}
