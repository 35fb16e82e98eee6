package evtchn

import "testing"

const modelPorts = 24

// maxOps bounds the bytes of one run, two an operation: more tells no more, and a
// hostile BUSY makes each Unmask wait a while.
const maxOps = 1024

// model follows an honest pair: which ports must be pending, and whether the
// receiver is awake.
type model struct {
	*pair
	t       testing.TB
	pending [modelPorts]bool
	masked  [modelPorts]bool
	// awake is whether the receiver has been woken, or has been told of more, since
	// Consume last returned false.
	awake bool
}

func newModel(t testing.TB) *model {
	return &model{pair: newPair(t, modelPorts), t: t}
}

// deliver checks one delivery.
func (m *model) deliver(port uint32) {
	if !m.pending[port] || m.masked[port] {
		m.t.Fatalf("port %d delivered: pending %v, masked %v", port, m.pending[port], m.masked[port])
	}
	m.pending[port] = false
}

// step does one operation, chosen by op, on a port.
func (m *model) step(op, arg byte) {
	port := uint32(arg)%(modelPorts-1) + 1
	switch op % 8 {
	case 0, 1, 2:
		m.pending[port] = true
		if m.s.SetPending(port, op>>4) {
			m.awake = true
		}
	case 3, 4:
		m.awake = m.r.Consume(int(arg%32), m.deliver)
	case 5:
		m.r.Mask(port)
		m.masked[port] = true
	case 6:
		m.masked[port] = false
		m.unmask(port)
	case 7:
		m.r.Clear(port)
		m.pending[port] = false
	}
	m.check()
}

func (m *model) unmask(port uint32) {
	if was := m.r.Unmask(port); was != m.pending[port] {
		m.t.Fatalf("Unmask(%d) says pending %v, want %v", port, was, m.pending[port])
	} else if was {
		m.r.Clear(port)
		m.pending[port] = false
	}
}

// check says that no event waits unheard.
func (m *model) check() {
	for port := uint32(1); port < modelPorts; port++ {
		if m.r.Pending(port) != m.pending[port] {
			m.t.Fatalf("port %d pending: %v, want %v", port, m.r.Pending(port), m.pending[port])
		}
		if m.pending[port] && !m.masked[port] && !m.awake {
			m.t.Fatalf("port %d is pending and unmasked, and the receiver sleeps", port)
		}
	}
}

// finish unmasks and consumes everything: nothing may be left.
func (m *model) finish() {
	for port := uint32(1); port < modelPorts; port++ {
		m.masked[port] = false
		m.unmask(port)
	}
	for m.r.Consume(8, m.deliver) {
	}
	for port := uint32(1); port < modelPorts; port++ {
		if m.pending[port] || m.r.Pending(port) || m.r.Linked(port) {
			m.t.Fatalf("port %d was left behind", port)
		}
	}
}

// FuzzHonest holds an honest pair to the model: every event is delivered exactly
// once unless merged, and none waits for a receiver that sleeps.
func FuzzHonest(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 3, 9})
	f.Add([]byte{0x70, 1, 0x70, 2, 3, 1, 0x30, 1, 3, 31, 0x70, 2})
	f.Add([]byte{5, 1, 0, 1, 6, 1, 0, 1, 5, 1, 3, 9, 6, 1})
	f.Fuzz(func(t *testing.T, ops []byte) {
		m := newModel(t)
		ops = ops[:min(len(ops), maxOps)]
		for ; len(ops) >= 2; ops = ops[2:] {
			m.step(ops[0], ops[1])
		}
		m.finish()
	})
}

// hostile runs operations of both sides with arbitrary writes in between.
type hostile struct {
	*pair
	t testing.TB
}

// scribbles are the values that break most: full words, links to oneself, to the
// next, out of range, and bits alone.
func scribble(kind byte, port uint32) uint32 {
	switch kind % 8 {
	case 0:
		return pending | linked | port
	case 1:
		return pending | linked | (port+1)%modelPorts
	case 2:
		return pending | linked | linkMask
	case 3:
		return 1<<32 - 1
	case 4:
		return busy
	case 5:
		return linked
	case 6:
		return pending
	}
	return 0
}

// step does one operation. It checks what holds whatever is in the memory: ports
// delivered exist, and a call does no more than its budget.
func (h *hostile) step(op, arg byte) {
	port := uint32(arg)%(modelPorts-1) + 1
	switch op % 8 {
	case 0, 1:
		h.s.SetPending(port, op>>4)
	case 2, 3:
		h.consume(int(arg % 32))
	case 4:
		h.array.Store32(4*int(port), scribble(op>>3, port))
	case 5:
		h.control.Store32(4*int(arg%18), scribble(op>>3, port))
	case 6:
		h.control.Store32(0, 1<<32-1)
	case 7:
		h.r.Mask(port)
		h.r.Unmask(port)
	}
}

func (h *hostile) consume(budget int) {
	calls := 0
	h.r.Consume(budget, func(port uint32) {
		calls++
		if port == 0 || port >= modelPorts {
			h.t.Fatalf("delivered port %d, which doesn't exist", port)
		}
	})
	if calls > budget {
		h.t.Fatalf("%d deliveries with a budget of %d", calls, budget)
	}
}

// settle is the end of hostility: once nobody scribbles, a bounded number of
// calls empties whatever was left.
func (h *hostile) settle() {
	for range 4 * modelPorts {
		if !h.r.Consume(modelPorts, func(uint32) {}) {
			return
		}
	}
	h.t.Fatal("the queues never end")
}

// FuzzHostile scribbles over both areas between the operations.
func FuzzHostile(f *testing.F) {
	f.Add([]byte{0x70, 1, 4, 1, 2, 31})          // a word that links to itself
	f.Add([]byte{0x70, 1, 0x14, 1, 6, 0, 2, 31}) // a link out of range
	f.Add([]byte{0x70, 1, 0x70, 2, 0x24, 1, 0x70, 3, 7, 1, 2, 31})
	f.Add([]byte{0x1d, 9, 6, 0, 2, 31, 0x70, 1, 2, 31})
	f.Fuzz(func(t *testing.T, ops []byte) {
		h := &hostile{pair: newPair(t, modelPorts), t: t}
		ops = ops[:min(len(ops), maxOps)]
		for ; len(ops) >= 2; ops = ops[2:] {
			h.step(ops[0], ops[1])
		}
		h.settle()
	})
}
