package ring

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/shm"
)

// doorbell is an event channel: one bit, lossless.
type doorbell chan struct{}

func (d doorbell) ring() {
	select {
	case d <- struct{}{}:
	default:
	}
}

// TestNoLostWakeup runs both ends in goroutines that sleep whenever Arm lets them
// and are woken only when Push says so. A lost wake-up is a standstill.
func TestNoLostWakeup(t *testing.T) {
	total := uint32(20000)
	if testing.Short() {
		total = 2000
	}
	for _, procs := range []int{1, 2} {
		for _, slots := range []int{1, 2, 8, 32} {
			t.Run(fmt.Sprintf("procs=%d/slots=%d", procs, slots), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
				runPair(t, slots, total)
			})
		}
	}
}

func runPair(t *testing.T, slots int, total uint32) {
	f, b, mem := pair(t, slots, 64)
	move(f, b, mem, ^uint32(0)-total/2)
	toFront, toBack := make(doorbell, 1), make(doorbell, 1)
	errs := make(chan error, 2)
	go func() { errs <- serve(b, toBack, toFront, total) }()
	go func() { errs <- request(f, toFront, toBack, total) }()
	stuck := time.After(time.Minute)
	for range 2 {
		select {
		case err := <-errs:
			if err != nil {
				t.Fatal(err)
			}
		case <-stuck:
			t.Fatalf("stand still: header %d %d %d %d", mem.Load32(0), mem.Load32(4), mem.Load32(8), mem.Load32(12))
		}
	}
}

// TestArmRace aims pushes at the moment in which the back end arms, between its two
// looks: of a request that wasn't seen and doesn't notify, nobody would ever hear.
func TestArmRace(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	rounds := uint32(100000)
	if testing.Short() {
		rounds = 20000
	}
	f, b, _ := pair(t, 1, 4)
	bell, done := make(doorbell, 1), make(chan error, 1)
	go func() { done <- serveOne(b, bell, rounds) }()
	var slot [4]byte
	for i := range rounds {
		for range i % 97 {
			_ = f.Free() // some nanoseconds, other ones each time
		}
		f.Put(slot[:])
		if f.Push() {
			bell.ring()
		}
		if !awaitResponse(f) {
			t.Fatalf("request %d was neither seen nor notified", i)
		}
		f.Take(slot[:])
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// serveOne answers requests one by one, and arms after each.
func serveOne(b *Back, mine doorbell, total uint32) error {
	var slot [4]byte
	for done := uint32(0); done < total; {
		p, err := b.Arm()
		if err != nil {
			return err
		}
		if !p {
			<-mine
			continue
		}
		b.Take(slot[:])
		b.Put(slot[:])
		b.Push()
		done++
	}
	return nil
}

// TestArmRaceFront is the same for responses and the front end.
func TestArmRaceFront(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	rounds := 100000
	if testing.Short() {
		rounds = 20000
	}
	f, b, _ := pair(t, 1, 4)
	bell, done := make(doorbell, 1), make(chan error, 1)
	go func() { done <- answerLate(b, bell, rounds) }()
	var slot [4]byte
	for i := range rounds {
		f.Put(slot[:])
		f.Push() // the back polls
		p, err := f.Arm()
		for ; !p && err == nil; p, err = f.Arm() {
			select {
			case <-bell:
			case <-time.After(10 * time.Second):
				t.Fatalf("response %d was neither seen nor notified", i)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		f.Take(slot[:])
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// answerLate polls and answers requests one by one, each after some nanoseconds.
func answerLate(b *Back, theirs doorbell, total int) error {
	var slot [4]byte
	for done := 0; done < total; {
		n, err := b.Requests()
		if err != nil {
			return err
		}
		if n == 0 {
			runtime.Gosched()
			continue
		}
		b.Take(slot[:])
		for range done % 97 {
			_ = b.Outstanding()
		}
		b.Put(slot[:])
		if b.Push() {
			theirs.ring()
		}
		done++
	}
	return nil
}

// awaitResponse polls, for ten seconds at most.
func awaitResponse(f *Front) bool {
	var start time.Time
	for i := 0; ; i++ {
		if n, err := f.Responses(); n > 0 || err != nil {
			return err == nil
		}
		if i%1000 != 999 {
			continue
		}
		runtime.Gosched()
		if start.IsZero() {
			start = time.Now()
		} else if time.Since(start) > 10*time.Second {
			return false
		}
	}
}

// serve answers total requests, each with its complement.
func serve(b *Back, mine, theirs doorbell, total uint32) error {
	var slot [64]byte
	for done := uint32(0); done < total; {
		n, err := b.Requests()
		if err != nil {
			return err
		}
		for range n {
			b.Take(slot[:])
			if v := binary.NativeEndian.Uint32(slot[60:]); v != done {
				return fmt.Errorf("request %d, want %d", v, done)
			}
			binary.NativeEndian.PutUint32(slot[60:], ^done)
			b.Put(slot[:])
			done++
			if done%3 == 0 && b.Push() {
				theirs.ring()
			}
		}
		if b.Push() {
			theirs.ring()
		}
		if done == total {
			break
		}
		if p, err := b.Arm(); err != nil {
			return err
		} else if !p {
			<-mine
		}
	}
	return nil
}

// request sends total requests in batches that fill the ring, and checks the
// answers.
func request(f *Front, mine, theirs doorbell, total uint32) error {
	var slot [64]byte
	for sent, got := uint32(0), uint32(0); got < total; {
		for f.Free() > 0 && sent < total {
			binary.NativeEndian.PutUint32(slot[60:], sent)
			f.Put(slot[:])
			sent++
			if sent%5 == 0 && f.Push() {
				theirs.ring()
			}
		}
		if f.Push() {
			theirs.ring()
		}
		n, err := f.Responses()
		if err != nil {
			return err
		}
		for range n {
			f.Take(slot[:])
			if v := binary.NativeEndian.Uint32(slot[60:]); v != ^got {
				return fmt.Errorf("response %d, want %d", v, ^got)
			}
			got++
		}
		if n > 0 || got == total {
			continue
		}
		if p, err := f.Arm(); err != nil {
			return err
		} else if !p {
			<-mine
		}
	}
	return nil
}

// BenchmarkPair is one 64-byte request and its response, both ends in one thread.
func BenchmarkPair(b *testing.B) {
	for _, batch := range []int{1, 32} {
		b.Run(fmt.Sprint("batch=", batch), func(b *testing.B) {
			f, k, _ := pair(b, 32, 64)
			var slot [64]byte
			b.ReportAllocs()
			for n := 0; n < b.N; n += batch {
				onePass(f, k, slot[:], batch)
			}
		})
	}
}

func onePass(f *Front, b *Back, slot []byte, batch int) {
	for range batch {
		f.Put(slot)
	}
	f.Push()
	for n, _ := b.Requests(); n > 0; n-- {
		b.Take(slot)
		b.Put(slot)
	}
	b.Push()
	for n, _ := f.Responses(); n > 0; n-- {
		f.Take(slot)
	}
}

// BenchmarkBareArray is the rival: the same copies through the same memory,
// without indices that anybody checks or shares.
func BenchmarkBareArray(b *testing.B) {
	mem := shm.Alloc(32 * 64).Unstable()
	var slot [64]byte
	for n := range b.N {
		at := mem[n&31*64:][:64]
		copy(at, slot[:])
		copy(slot[:], at)
		copy(at, slot[:])
		copy(slot[:], at)
	}
}

// BenchmarkAcross keeps a ring full between two goroutines that poll.
func BenchmarkAcross(b *testing.B) {
	for _, depth := range []int{1, 32} {
		b.Run(fmt.Sprint("depth=", depth), func(b *testing.B) {
			f, k, _ := pair(b, depth, 64)
			done := make(chan struct{})
			go pollServe(k, b.N, done)
			var slot [64]byte
			for sent, got := 0, 0; got < b.N; {
				for f.Free() > 0 && sent < b.N {
					f.Put(slot[:])
					sent++
				}
				f.Push()
				n, _ := f.Responses()
				for range n {
					f.Take(slot[:])
				}
				got += n
				if n == 0 {
					spin()
				}
			}
			<-done
		})
	}
}

func pollServe(k *Back, total int, done chan<- struct{}) {
	defer close(done)
	var slot [64]byte
	for served := 0; served < total; {
		n, _ := k.Requests()
		for range n {
			k.Take(slot[:])
			k.Put(slot[:])
		}
		k.Push()
		served += n
		if n == 0 {
			spin()
		}
	}
}

// spin lets the other end run where there is one processor only.
func spin() {
	if runtime.GOMAXPROCS(0) == 1 {
		runtime.Gosched()
	}
}
