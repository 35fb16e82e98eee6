//go:build linux

package host

import (
	"context"
	"fmt"
	"sync"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// answer is what came back for a question; the descriptors are the asker's.
type answer struct {
	proto.Msg
	fds []int
}

// questions couples answers with questions by their ids. The zero value is ready.
type questions struct {
	mu   sync.Mutex
	next uint32
	open map[uint32]chan answer
	err  error // why there are no more answers
}

// ask sends m with a fresh id and waits for the answer, ctx, or the end of the
// connection.
func (q *questions) ask(ctx context.Context, c *sys.Packet, m proto.Msg) (answer, error) {
	if ctx.Err() != nil {
		return answer{}, context.Cause(ctx)
	}
	ch := make(chan answer, 1)
	if err := q.put(&m, ch); err != nil {
		return answer{}, err
	}
	if err := send(c, m); err != nil {
		q.cancel(m.ID, ch)
		return answer{}, fmt.Errorf("%w: %w", ErrBrokerGone, err)
	}
	select {
	case a, ok := <-ch:
		if !ok {
			return answer{}, q.cause()
		}
		return a, nil
	case <-ctx.Done():
		q.cancel(m.ID, ch)
		return answer{}, context.Cause(ctx)
	}
}

// put registers a question and gives m its id.
func (q *questions) put(m *proto.Msg, ch chan answer) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	if q.open == nil {
		q.open = map[uint32]chan answer{}
	}
	q.next++
	m.ID = q.next
	q.open[m.ID] = ch
	return nil
}

// answer hands an answer to who asked. If nobody does any more, the descriptors are
// closed.
func (q *questions) answer(m proto.Msg, fds []int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	ch := q.open[m.ID]
	delete(q.open, m.ID)
	if ch == nil {
		sys.CloseAll(fds)
		return
	}
	ch <- answer{m, fds}
}

// cancel forgets a question, and closes what an answer that came meanwhile brought.
func (q *questions) cancel(id uint32, ch chan answer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.open, id)
	select {
	case a, ok := <-ch:
		if ok {
			sys.CloseAll(a.fds)
		}
	default:
	}
}

// fail ends all questions, present and future, with err.
func (q *questions) fail(err error) {
	q.mu.Lock()
	if q.err == nil {
		q.err = err
	}
	open := q.open
	q.open = nil
	q.mu.Unlock()
	for _, ch := range open {
		close(ch)
	}
}

func (q *questions) cause() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}
