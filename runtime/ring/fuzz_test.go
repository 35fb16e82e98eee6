package ring

import (
	"encoding/binary"
	"errors"
	"testing"
)

// hostile is both ends of a ring whose shared words anybody changes at any time.
// It counts what each end did in numbers that don't wrap, and derives from them
// what either may believe.
type hostile struct {
	t                      *testing.T
	f                      *Front
	b                      *Back
	slots, start           uint64
	put, pushed, rsps      uint64 // of the front: requests put, pushed; responses taken
	taken, answered        uint64 // of the back
	knownReq, knownRsp     uint64 // what each was told of and needn't ask for again
	brokenFront, brokenBak bool
}

// among tells whether the word v may stand for a count from lo to hi.
func (h *hostile) among(v uint32, lo, hi uint64) (uint64, bool) {
	for n := lo; n <= hi; n++ {
		if uint32(h.start+n) == v {
			return n, true
		}
	}
	return 0, false
}

func (h *hostile) responses(word uint32) {
	h.t.Helper()
	known, ok := h.knownRsp, true
	if known == h.rsps {
		known, ok = h.among(word, h.rsps, h.pushed)
		h.brokenFront = h.brokenFront || !ok
		if h.brokenFront {
			known = h.rsps
		}
		h.knownRsp = known
	}
	n, err := h.f.Responses()
	h.check("responses", n, err, known-h.rsps, h.brokenFront)
}

func (h *hostile) requests(word uint32) {
	h.t.Helper()
	known, ok := h.knownReq, true
	if known == h.taken {
		known, ok = h.among(word, h.taken, h.answered+h.slots)
		h.brokenBak = h.brokenBak || !ok
		if h.brokenBak {
			known = h.taken
		}
		h.knownReq = known
	}
	n, err := h.b.Requests()
	h.check("requests", n, err, known-h.taken, h.brokenBak)
}

func (h *hostile) check(what string, n int, err error, want uint64, broken bool) {
	h.t.Helper()
	if uint64(n) != want || errors.Is(err, ErrOverflow) != (broken && want == 0) || (err != nil) != errors.Is(err, ErrOverflow) {
		h.t.Fatalf("%s: %d, %v; want %d, broken %v", what, n, err, want, broken)
	}
}

// FuzzHostile runs the bytes as a program of what both ends do, mixed with writes
// of anything to the shared words.
func FuzzHostile(f *testing.F) {
	f.Add(uint8(2), uint32(0), []byte{0, 0, 1, 4, 5, 6, 2, 2, 3, 7})
	f.Add(uint8(0), uint32(1<<32-1), []byte{0, 1, 4, 5, 6, 2, 0, 1, 4, 5, 6, 2})
	f.Add(uint8(1), uint32(1<<32-2), []byte{0, 0, 1, 9, 2, 2, 11, 0xff, 0xff, 0xff, 0xff, 2, 3})
	f.Add(uint8(3), uint32(1<<31), []byte{8, 9, 4, 4, 8, 0x80, 4, 10, 1, 1, 7, 6})
	f.Add(uint8(3), uint32(7), []byte{0, 1, 4, 8, 0xff, 4, 8, 1, 4})
	f.Fuzz(func(t *testing.T, order uint8, start uint32, program []byte) {
		slots := 1 << (order % 6)
		fr, bk, mem := pair(t, slots, 4)
		move(fr, bk, mem, start)
		h := &hostile{t: t, f: fr, b: bk, slots: uint64(slots), start: uint64(start)}
		for i := 0; i < len(program); i++ {
			switch op := program[i] % 12; {
			case op < 8:
				h.step(int(op), mem.Load32(reqProd), mem.Load32(rspProd))
			case i+1 < len(program): // a shared word becomes something near, or far
				i++
				v := mem.Load32(int(op-8)*4) + uint32(int32(int8(program[i])))
				if i+4 < len(program) && program[i] == 0xff {
					v = binary.LittleEndian.Uint32(program[i+1:])
					i += 4
				}
				mem.Store32(int(op-8)*4, v)
			}
			if h.f.Free() < 0 || h.f.Free()+h.f.Outstanding() != slots || h.b.Outstanding() > slots {
				t.Fatal("free", h.f.Free(), "outstanding", h.f.Outstanding(), h.b.Outstanding())
			}
		}
	})
}

func (h *hostile) step(op int, reqWord, rspWord uint32) {
	h.t.Helper()
	var slot [4]byte
	switch op {
	case 0:
		if h.f.Free() > 0 {
			h.f.Put(slot[:])
			h.put++
		}
	case 1:
		h.f.Push()
		h.pushed = h.put
	case 2:
		h.responses(rspWord)
		if h.knownRsp > h.rsps {
			h.f.Take(slot[:])
			h.rsps++
		}
	case 3:
		h.responses(rspWord)
		p, err := h.f.Arm()
		h.check("front arm", int(bit(p)), err, min(h.knownRsp-h.rsps, 1), h.brokenFront)
	case 4:
		h.requests(reqWord)
		if h.knownReq > h.taken {
			h.b.Take(slot[:])
			h.taken++
		}
	case 5:
		if h.b.Outstanding() > 0 {
			h.b.Put(slot[:])
			h.answered++
		}
	case 6:
		h.b.Push()
	case 7:
		h.requests(reqWord)
		p, err := h.b.Arm()
		h.check("back arm", int(bit(p)), err, min(h.knownReq-h.taken, 1), h.brokenBak)
	}
}

// FuzzAttach shows a new back end any header: it takes the ring up, or says why
// not, and never finds more requests than slots.
func FuzzAttach(f *testing.F) {
	f.Add(uint32(0), uint32(0))
	f.Add(uint32(32), uint32(0))
	f.Add(uint32(33), uint32(0))
	f.Add(uint32(5), uint32(1<<32-20))
	f.Add(uint32(0), uint32(1))
	f.Fuzz(func(t *testing.T, req, rsp uint32) {
		_, _, mem := pair(t, 32, 16)
		mem.Store32(reqProd, req)
		mem.Store32(rspProd, rsp)
		b, err := NewBack(mem, 16)
		if (req-rsp <= 32) != (err == nil) {
			t.Fatalf("req_prod %d, rsp_prod %d: %v", req, rsp, err)
		}
		if err != nil {
			return
		}
		if n, err := b.Requests(); n != int(req-rsp) || err != nil {
			t.Fatalf("req_prod %d, rsp_prod %d: %d requests, %v", req, rsp, n, err)
		}
	})
}
