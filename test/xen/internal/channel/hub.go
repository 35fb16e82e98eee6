package channel

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// Hub shares one line to a server among any number of clients, each of which sees it
// as if it were alone. A client that goes away has its commands killed.
type Hub struct {
	line  *Writer
	mu    sync.Mutex
	last  uint32
	ids   map[uint32]*member // who started the command of this id on the line
	all   map[*member]bool
	ended bool
}

// member is a client of the hub.
type member struct {
	out *queue[Frame]
	// theirs and ours translate ids; both are held by the hub's lock.
	theirs map[uint32]uint32 // by id on the line
	ours   map[uint32]uint32 // by the client's id
}

// ServeHub waits until the server on the line says hello, then accepts clients from l.
// It returns when the line ends or breaks, with the cause; l is closed then, and every
// client's stream. Noise on the line goes to noise.
func ServeHub(line io.ReadWriter, l net.Listener, noise io.Writer) error {
	r := NewReader(line, noise)
	if _, err := r.Next(); err != nil {
		l.Close()
		return err
	}
	h := &Hub{line: NewWriter(line), ids: map[uint32]*member{}, all: map[*member]bool{}}
	go h.accept(l)
	for {
		f, err := r.Next()
		if err != nil {
			l.Close()
			h.end()
			return err
		}
		h.down(f)
	}
}

func (h *Hub) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go h.serve(conn)
		}
	}
}

// down passes a frame from the line to its client.
func (h *Hub) down(f Frame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := h.ids[f.ID]
	if m == nil {
		return
	}
	id := f.ID
	f.ID = m.theirs[id]
	if f.Kind == Exit {
		delete(h.ids, id)
		delete(m.ours, f.ID)
		delete(m.theirs, id)
	}
	m.out.put(f)
}

// serve is one client's life.
func (h *Hub) serve(conn net.Conn) {
	m := &member{out: newQueue[Frame](), theirs: map[uint32]uint32{}, ours: map[uint32]uint32{}}
	h.join(m)
	var sent sync.WaitGroup
	sent.Go(func() {
		w := NewWriter(conn)
		err := w.Send(Frame{Kind: Hello})
		for err == nil {
			var f Frame
			if f, err = m.out.take(); err == nil {
				err = w.Send(f)
			}
		}
		conn.Close()
	})
	r := NewReader(conn, nil)
	r.greet = true
	for {
		f, err := r.Next()
		if err == nil {
			err = h.up(m, f)
		}
		if err != nil {
			break
		}
	}
	h.leave(m)
	m.out.close()
	sent.Wait()
}

// up passes a client's frame to the line.
func (h *Hub) up(m *member, f Frame) error {
	h.mu.Lock()
	if h.ended {
		h.mu.Unlock()
		return io.EOF
	}
	if f.Kind == Start {
		h.last++
		h.ids[h.last] = m
		m.theirs[h.last] = f.ID
		m.ours[f.ID] = h.last
	}
	id, known := m.ours[f.ID]
	h.mu.Unlock()
	if !known {
		return nil
	}
	f.ID = id
	return h.line.Send(f)
}

// join enters a client into the list.
func (h *Hub) join(m *member) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all[m] = true
	if h.ended {
		m.out.close()
	}
}

// leave kills what a client has left running. Its output goes nowhere.
func (h *Hub) leave(m *member) {
	h.mu.Lock()
	delete(h.all, m)
	var left []uint32
	for id := range m.theirs {
		delete(h.ids, id)
		left = append(left, id)
	}
	if h.ended {
		left = nil
	}
	h.mu.Unlock()
	for _, id := range left {
		h.line.Send(Frame{Signal, id, []byte{byte(syscall.SIGKILL)}})
	}
}

// end sends everybody away.
func (h *Hub) end() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = true
	for m := range h.all {
		m.out.close()
	}
}
