package evtchn

import (
	"slices"
	"testing"

	"github.com/xenidc/idc/runtime/shm"
)

// pair is both ends of a structure and its memory.
type pair struct {
	s              *Sender
	r              *Receiver
	control, array shm.Memory
}

// newPair makes a fresh structure, every port unmasked.
func newPair(t testing.TB, ports int) *pair {
	t.Helper()
	p := &pair{control: shm.Alloc(ControlSize), array: shm.Alloc(ArrayPages(ports) * shm.PageSize)}
	Format(p.control, p.array)
	var err error
	if p.s, err = NewSender(p.control, p.array, ports); err != nil {
		t.Fatal(err)
	}
	if p.r, err = NewReceiver(p.control, p.array, ports); err != nil {
		t.Fatal(err)
	}
	for port := 1; port < ports; port++ {
		p.r.Unmask(uint32(port))
	}
	return p
}

// drain consumes everything and returns the ports in order of delivery.
func (p *pair) drain() (got []uint32) {
	for p.r.Consume(16, func(port uint32) { got = append(got, port) }) {
	}
	return got
}

func TestGeometry(t *testing.T) {
	if ControlSize != 72 || MaxPages != 128 || WordsPerPage != 1024 {
		t.Errorf("control %d, pages %d, words %d; the ABI says 72, 128, 1024", ControlSize, MaxPages, WordsPerPage)
	}
	for ports, want := range map[int]int{2: 1, 1024: 1, 1025: 2, MaxPorts: 128} {
		if got := ArrayPages(ports); got != want {
			t.Errorf("ArrayPages(%d) = %d, want %d", ports, got, want)
		}
	}
}

func TestNewRefusesBadGeometry(t *testing.T) {
	page := shm.Alloc(shm.PageSize)
	cases := map[string]struct {
		control, array shm.Memory
		ports          int
	}{
		"short control": {shm.Alloc(ControlSize - 1), page, 8},
		"short array":   {page, page, WordsPerPage + 1},
		"no port":       {page, page, 1},
		"negative":      {page, page, -1},
		"too many":      {page, shm.Alloc(129 * shm.PageSize), MaxPorts + 1},
	}
	for name, c := range cases {
		if _, err := NewSender(c.control, c.array, c.ports); err == nil {
			t.Errorf("%s: NewSender took it", name)
		}
		if _, err := NewReceiver(c.control, c.array, c.ports); err == nil {
			t.Errorf("%s: NewReceiver took it", name)
		}
	}
}

// TestWords pins the bits of the words and of the control block after each step,
// against the numbers of the public header.
func TestWords(t *testing.T) {
	p := newPair(t, 16)
	word := func(port int) uint32 { return p.array.Load32(4 * port) }
	check := func(what string, got, want uint32) {
		t.Helper()
		if got != want {
			t.Errorf("%s = %#x, want %#x", what, got, want)
		}
	}
	check("an unmasked word", word(3), 0)
	check("port 0", word(0), 1<<30)
	if !p.s.SetPending(3, PriorityDefault) {
		t.Error("the first event must wake")
	}
	check("word 3", word(3), 1<<31|1<<29)
	check("head[7]", p.control.Load32(8+4*7), 3)
	check("ready", p.control.Load32(0), 1<<7)
	if p.s.SetPending(5, PriorityDefault) {
		t.Error("a port linked to a tail must not wake")
	}
	check("word 3", word(3), 1<<31|1<<29|5)
	check("head[7]", p.control.Load32(8+4*7), 3)
	if p.s.SetPending(3, PriorityDefault) {
		t.Error("an event pending already must not wake")
	}
	if got := p.drain(); !slices.Equal(got, []uint32{3, 5}) {
		t.Errorf("delivered %v, want [3 5]", got)
	}
	check("word 3", word(3), 0)
	check("ready", p.control.Load32(0), 0)
	if !p.s.SetPending(5, 2) {
		t.Error("an event after all were consumed must wake")
	}
	check("head[2]", p.control.Load32(8+4*2), 5)
}

func TestPriorityOrder(t *testing.T) {
	p := newPair(t, 64)
	for port := uint32(1); port <= 48; port++ {
		p.s.SetPending(port, uint8(port%Queues))
	}
	got := p.drain()
	if !slices.IsSortedFunc(got, func(a, b uint32) int {
		if a%Queues != b%Queues {
			return int(a%Queues) - int(b%Queues)
		}
		return int(a) - int(b)
	}) || len(got) != 48 {
		t.Errorf("not by priority and arrival: %v", got)
	}
}

// TestPriorityChange moves a consumed tail to another queue: the old one must not
// be linked through it.
func TestPriorityChange(t *testing.T) {
	p := newPair(t, 8)
	p.s.SetPending(1, 3)
	p.drain()
	p.s.SetPending(1, 9)
	p.s.SetPending(2, 3)
	if got := p.drain(); !slices.Equal(got, []uint32{2, 1}) {
		t.Errorf("delivered %v, want [2 1]", got)
	}
	p.s.SetPending(2, 200)
	if got := p.control.Load32(8 + 4*15); got != 2 {
		t.Errorf("priority 200 isn't taken as 15: head[15] = %d", got)
	}
}

func TestMask(t *testing.T) {
	p := newPair(t, 8)
	p.r.Mask(4)
	if !p.r.Masked(4) {
		t.Error("Mask didn't mask")
	}
	if p.s.SetPending(4, 7) || p.r.Linked(4) || !p.r.Pending(4) {
		t.Error("a masked port must become pending, unlinked, without waking")
	}
	if got := p.drain(); got != nil {
		t.Errorf("delivered %v while masked", got)
	}
	if !p.r.Unmask(4) {
		t.Error("Unmask didn't tell of the pending event")
	}
	p.r.Clear(4)
	if p.r.Unmask(4) {
		t.Error("an event pending after Clear")
	}
	// Masked while in a queue: consumed silently, remembered.
	p.s.SetPending(4, 7)
	p.r.Mask(4)
	if got := p.drain(); got != nil || p.r.Linked(4) {
		t.Errorf("delivered %v while masked in the queue", got)
	}
	if !p.r.Unmask(4) {
		t.Error("the event was forgotten")
	}
}

func TestOutOfRangeSend(t *testing.T) {
	p := newPair(t, 8)
	for _, port := range []uint32{0, 8, MaxPorts, 1 << 31} {
		if p.s.SetPending(port, 0) {
			t.Errorf("port %d woke", port)
		}
	}
	if got := p.drain(); got != nil {
		t.Errorf("delivered %v", got)
	}
}

func TestConsumeBudget(t *testing.T) {
	p := newPair(t, 128)
	for port := uint32(1); port <= 100; port++ {
		p.s.SetPending(port, 7)
	}
	var got []uint32
	calls := 1
	for p.r.Consume(7, func(port uint32) { got = append(got, port) }) {
		calls++
	}
	if len(got) != 100 || calls != 15 {
		t.Errorf("%d ports in %d calls, want 100 in 15", len(got), calls)
	}
}

func TestNothingAllocates(t *testing.T) {
	p := newPair(t, 64)
	deliver := func(port uint32) { p.r.Mask(port) }
	if n := testing.AllocsPerRun(100, func() {
		for port := uint32(1); port < 64; port++ {
			p.s.SetPending(port, uint8(port))
		}
		for p.r.Consume(10, deliver) {
		}
		for port := uint32(1); port < 64; port++ {
			p.r.Unmask(port)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
