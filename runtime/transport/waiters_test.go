package transport

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
)

// full is a queue whose transactions are all taken.
func full(t *testing.T, depth int) (*Queue, []*Txn) {
	testenv.Leaks(t)
	q := NewQueue(Config{Depth: depth, SlotSize: 16})
	t.Cleanup(func() { q.Close(ErrClosed) })
	all := make([]*Txn, depth)
	for i := range all {
		x, err := q.Begin(NoWait, nil, 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = x
	}
	return q, all
}

// lineUp has a caller wait, and returns when it does.
func lineUp(q *Queue, ctx context.Context, user []byte, got func(*Txn, error)) {
	before := waits(q)
	go func() { got(q.Begin(ctx, user, In, 1)) }()
	for waits(q) == before {
		time.Sleep(100 * time.Microsecond)
	}
}

func waits(q *Queue) (n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, l := range []line{q.waiting.bare, q.waiting.bulk} {
		for x := l.head; x != nil; x = x.next {
			n++
		}
	}
	return n
}

// Those who wait for a transaction get one in the order in which they came, and nobody
// who comes later overtakes them.
func TestWaitersAreServedInOrder(t *testing.T) {
	q, all := full(t, 2)
	type turn struct {
		who int
		x   *Txn
	}
	turns := make(chan turn)
	for i := range 20 {
		lineUp(q, t.Context(), nil, func(x *Txn, err error) {
			if err != nil {
				t.Error(err)
			}
			turns <- turn{i, x}
		})
	}
	x := all[0]
	for i := range 20 {
		x.End()
		if _, err := q.Begin(NoWait, nil, 0, 0); !errors.Is(err, ErrWouldBlock) {
			t.Errorf("a newcomer overtook caller %d: %v", i, err)
		}
		got := <-turns
		if got.who != i {
			t.Errorf("caller %d had the turn of %d", got.who, i)
		}
		x = got.x
	}
	x.End()
	all[1].End()
}

// Who gives up while it waits, or at the moment of its turn, takes nothing with it.
func TestWaiterGivesUp(t *testing.T) {
	q, all := full(t, 1)
	x := all[0]
	for range 200 {
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan *Txn, 1), make(chan *Txn, 1)
		lineUp(q, ctx, nil, func(x *Txn, _ error) { first <- x })
		lineUp(q, t.Context(), nil, func(x *Txn, _ error) { second <- x })
		go cancel()
		x.End()
		if got := <-first; got != nil {
			got.End()
		}
		x = <-second
	}
	x.End()
	if x, err := q.Begin(NoWait, nil, 0, 0); err != nil {
		t.Error(err)
	} else {
		x.End()
	}
}

// While callers with bulk data wait for a connection, those without aren't held up; but
// they don't take a transaction away from who waits for one.
func TestWaitingForPagesHoldsUpNobodyElse(t *testing.T) {
	q, all := full(t, 2)
	var ended atomic.Int32
	errs := make(chan error, 2)
	for range 2 {
		lineUp(q, t.Context(), make([]byte, 10), func(_ *Txn, err error) { ended.Add(1); errs <- err })
	}
	all[0].End()
	x, err := q.Begin(NoWait, nil, 0, 0)
	if err != nil {
		t.Fatalf("there is a transaction, and nobody can use it: %v", err)
	}
	bare := make(chan *Txn, 1)
	lineUp(q, t.Context(), nil, func(x *Txn, _ error) { bare <- x })
	x.End()
	(<-bare).End()
	if ended.Load() != 0 {
		t.Error("bulk data was lent without a connection")
	}
	q.Close(ErrClosed)
	for range 2 {
		if err := <-errs; !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	all[1].End()
}
