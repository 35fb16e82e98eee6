//go:build linux

package host

import (
	"context"
	"sync"

	"github.com/xenidc/idc/runtime/internal/sys"
	"github.com/xenidc/idc/runtime/platform/host/internal/proto"
)

// answer is what came back for a question; fd is -1 or the asker's.
type answer struct {
	proto.Msg
	fd int
}

// question is one that is open. then, if there is one, is called once it isn't.
type question struct {
	ch   chan answer
	then func()
}

// questions couples answers with questions by their ids. The zero value is ready.
type questions struct {
	mu   sync.Mutex
	next uint32
	open map[uint32]question
	err  error // why there are no more answers
}

// ask sends m with a fresh id and waits for the answer, ctx, or the end of the
// connection.
func (q *questions) ask(ctx context.Context, c *sys.Packet, m proto.Msg) (answer, error) {
	if ctx.Err() != nil {
		return answer{fd: -1}, context.Cause(ctx)
	}
	ch := make(chan answer, 1)
	if err := q.put(&m, question{ch: ch}); err != nil {
		return answer{fd: -1}, err
	}
	if err := send(c, m); err != nil {
		q.cancel(m.ID, ch)
		return answer{fd: -1}, err
	}
	select {
	case a, ok := <-ch:
		if !ok {
			return answer{fd: -1}, q.cause()
		}
		return a, nil
	case <-ctx.Done():
		q.cancel(m.ID, ch)
		return answer{fd: -1}, context.Cause(ctx)
	}
}

// post sends m with a fresh id and calls then when it is answered, or never will
// be.
func (q *questions) post(c *sys.Packet, m proto.Msg, then func()) {
	if q.put(&m, question{then: then}) != nil {
		then()
		return
	}
	if send(c, m) != nil {
		q.answer(proto.Msg{ID: m.ID}, -1)
	}
}

// put registers a question and gives m its id.
func (q *questions) put(m *proto.Msg, qn question) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	if q.open == nil {
		q.open = map[uint32]question{}
	}
	q.next++
	m.ID = q.next
	q.open[m.ID] = qn
	return nil
}

// answer hands an answer to who asked. If nobody did, the other side is confused or
// late, and the descriptor is closed.
func (q *questions) answer(m proto.Msg, fd int) {
	q.mu.Lock()
	qn := q.open[m.ID]
	delete(q.open, m.ID)
	if qn.ch != nil {
		qn.ch <- answer{m, fd}
	}
	q.mu.Unlock()
	if qn.ch == nil {
		closeFD(fd)
	}
	if qn.then != nil {
		qn.then()
	}
}

// cancel forgets a question, and closes what an answer that came meanwhile brought.
func (q *questions) cancel(id uint32, ch chan answer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.open, id)
	select {
	case a, ok := <-ch:
		if ok {
			closeFD(a.fd)
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
	for _, qn := range open {
		if qn.ch != nil {
			close(qn.ch)
		}
		if qn.then != nil {
			qn.then()
		}
	}
}

func (q *questions) cause() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}
