//go:build linux

package ring

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/xenidc/idc/runtime/shm"
)

// shapes are sizes in bytes of real requests, responses and rings, and odd ones.
var shapes = []struct{ req, rsp, bytes int }{
	{112, 16, 4096},      // blkif, x86_64
	{108, 12, 4096},      // blkif, x86_32
	{112, 16, 16 * 4096}, // blkif, ring-page-order 4
	{20, 12, 4096},
	{4, 2048, 4096}, // a response larger than its request, and one slot
	{5, 7, 4096},
}

// buildWitness compiles testdata/witness.c with the real ring.h.
func buildWitness(t *testing.T, req, rsp int) string {
	t.Helper()
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Fatal("no gcc to compile the witness with: install Debian's package gcc")
	}
	if _, err := os.Stat("/usr/include/xen/io/ring.h"); err != nil {
		t.Fatal("no xen/io/ring.h to compare with: install Debian's package libxen-dev")
	}
	exe := filepath.Join(t.TempDir(), "witness")
	cmd := exec.Command(gcc, "-O2", "-Wall", "-Werror",
		fmt.Sprint("-DREQ=", req), fmt.Sprint("-DRSP=", rsp), "-o", exe, "testdata/witness.c")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
	return exe
}

// mapFile makes a file of n bytes and maps it shared:
//
//	this process --mmap--> | ring: n bytes | <--mmap-- the witness
func mapFile(t *testing.T, n int) (path string, mem shm.Memory) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "ring"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(int64(n)); err != nil {
		t.Fatal(err)
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(b); err != nil {
			t.Error(err)
		}
	})
	return f.Name(), shm.Of(b)
}

// TestWitnessTrace has ring.h and this package take the same random steps, and
// compares each result, the shared words after it, and all bytes at the end.
func TestWitnessTrace(t *testing.T) {
	for _, s := range shapes {
		t.Run(fmt.Sprintf("%d-%d-%d", s.req, s.rsp, s.bytes), func(t *testing.T) {
			exe := buildWitness(t, s.req, s.rsp)
			for seed, start := range []uint32{0, ^uint32(0) - 40, 1<<31 - 9} {
				rnd := rand.New(rand.NewPCG(3, uint64(seed)))
				steps := make([]byte, 5000)
				for i := range steps {
					steps[i] = byte(rnd.IntN(256))
				}
				path, theirs := mapFile(t, s.bytes)
				cmd := exec.Command(exe, "trace", path, strconv.Itoa(s.bytes), fmt.Sprint(start))
				cmd.Stdin = bytes.NewReader(steps)
				want, err := cmd.Output()
				if err != nil {
					t.Fatal(err)
				}
				got, ours := trace(t, s.req, s.rsp, s.bytes, start, steps)
				compareLines(t, got, want)
				if !bytes.Equal(ours.Unstable(), theirs.Unstable()) {
					t.Error("the memory differs")
				}
			}
		})
	}
}

// trace is trace of witness.c.
func trace(t *testing.T, req, rsp, size int, start uint32, steps []byte) ([]byte, shm.Memory) {
	mem := shm.Alloc(size)
	f, err := NewFront(mem, max(req, rsp))
	if err != nil {
		t.Fatal(err)
	}
	b := &Back{shared: f.shared}
	move(f, b, mem, start)
	var out bytes.Buffer
	fmt.Fprintf(&out, "slots %d\n", f.Slots())
	e := ends{f: f, b: b, req: make([]byte, req), rsp: make([]byte, rsp)}
	for _, s := range steps {
		r := e.step(t, int(s%8))
		fmt.Fprintf(&out, "%d %d: %d %d %d %d\n", s%8, r, mem.Load32(0), mem.Load32(4), mem.Load32(8), mem.Load32(12))
	}
	return out.Bytes(), mem
}

type ends struct {
	f          *Front
	b          *Back
	req, rsp   []byte
	sent, done uint32
}

func (e *ends) step(t *testing.T, op int) uint32 {
	switch op {
	case 0:
		n := e.f.Free()
		if n > 0 {
			e.putRequest()
		}
		return uint32(n)
	case 1:
		return bit(e.f.Push())
	case 2:
		if n, err := e.f.Responses(); err != nil {
			t.Fatal(err)
		} else if n > 0 {
			e.f.Take(e.rsp)
			return number(e.rsp)
		}
	case 3:
		p, err := e.f.Arm()
		if err != nil {
			t.Fatal(err)
		}
		return bit(p)
	case 4:
		if n, err := e.b.Requests(); err != nil {
			t.Fatal(err)
		} else if n > 0 {
			e.b.Take(e.req)
			return number(e.req)
		}
	case 5:
		if e.b.Outstanding() > 0 {
			e.putResponse()
		}
	case 6:
		return bit(e.b.Push())
	case 7:
		p, err := e.b.Arm()
		if err != nil {
			t.Fatal(err)
		}
		return bit(p)
	}
	return 0
}

// putRequest writes the number alone, as witness.c does: the rest of the slot keeps
// what it held, which is the slot's own last contents.
func (e *ends) putRequest() {
	slot := e.f.at(e.f.prod).Unstable()[:len(e.req)]
	copy(e.req, slot)
	setNumber(e.req, e.sent)
	e.sent++
	e.f.Put(e.req)
}

func (e *ends) putResponse() {
	slot := e.b.at(e.b.prod).Unstable()[:len(e.rsp)]
	copy(e.rsp, slot)
	setNumber(e.rsp, ^e.done)
	e.done++
	e.b.Put(e.rsp)
}

func number(b []byte) uint32       { return binary.NativeEndian.Uint32(b[len(b)-4:]) }
func setNumber(b []byte, n uint32) { binary.NativeEndian.PutUint32(b[len(b)-4:], n) }

func compareLines(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := bytes.Split(got, []byte("\n")), bytes.Split(want, []byte("\n"))
	for i := range min(len(g), len(w)) {
		if !bytes.Equal(g[i], w[i]) {
			t.Fatalf("line %d is %q, ring.h says %q", i+1, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Fatalf("%d lines, ring.h has %d", len(g), len(w))
	}
}

const witnessTotal = 20000

// TestWitnessFront serves a front end that ring.h made, in another process.
func TestWitnessFront(t *testing.T) {
	for _, s := range shapes {
		t.Run(fmt.Sprintf("%d-%d-%d", s.req, s.rsp, s.bytes), func(t *testing.T) {
			path, mem := mapFile(t, s.bytes)
			w := startWitness(t, buildWitness(t, s.req, s.rsp), "front", path, s.bytes)
			<-w.bell // the ring is there
			b, err := NewBack(mem, max(s.req, s.rsp))
			if err != nil {
				t.Fatal(err)
			}
			w.end(serveSized(b, w, s.req, s.rsp))
		})
	}
}

// TestWitnessBack sends to a back end that ring.h made, in another process.
func TestWitnessBack(t *testing.T) {
	for _, s := range shapes {
		t.Run(fmt.Sprintf("%d-%d-%d", s.req, s.rsp, s.bytes), func(t *testing.T) {
			path, mem := mapFile(t, s.bytes)
			f, err := NewFront(mem, max(s.req, s.rsp))
			if err != nil {
				t.Fatal(err)
			}
			move(f, &Back{}, mem, ^uint32(0)-witnessTotal/2)
			w := startWitness(t, buildWitness(t, s.req, s.rsp), "back", path, s.bytes)
			w.end(requestSized(f, w, s.req, s.rsp))
		})
	}
}

// witness is a running witness.c and the doorbells to and from it.
type witness struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	bell doorbell
	gone chan struct{} // its output ended
}

func startWitness(t *testing.T, exe, role, path string, size int) *witness {
	t.Helper()
	start := ^uint32(0) - witnessTotal/2
	cmd := exec.CommandContext(t.Context(), exe, role, path, strconv.Itoa(size), fmt.Sprint(start), strconv.Itoa(witnessTotal))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := &witness{t: t, cmd: cmd, in: in, bell: make(doorbell, 1), gone: make(chan struct{})}
	go w.listen(out)
	return w
}

func (w *witness) listen(out io.Reader) {
	defer close(w.gone)
	buf := make([]byte, 4096)
	for {
		if _, err := out.Read(buf); err != nil {
			return
		}
		w.bell.ring()
	}
}

func (w *witness) notify() { _, _ = w.in.Write([]byte("!")) }

// wait sleeps until the witness notifies us, and fails if it ended instead.
func (w *witness) wait() error {
	select {
	case <-w.bell:
		return nil
	case <-w.gone:
	}
	select {
	case <-w.bell:
		return nil
	default:
		return io.ErrUnexpectedEOF
	}
}

// end expects both sides to have ended well.
func (w *witness) end(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Error(err)
		_ = w.cmd.Process.Kill()
	}
	<-w.gone
	if err := w.cmd.Wait(); err != nil {
		w.t.Error("the witness:", err)
	}
}

func serveSized(b *Back, w *witness, req, rsp int) error {
	in, out := make([]byte, req), make([]byte, rsp)
	for done := uint32(0); ; {
		n, err := b.Requests()
		if err != nil {
			return err
		}
		for range n {
			b.Take(in)
			if number(in) != done {
				return fmt.Errorf("request %d, want %d", number(in), done)
			}
			setNumber(out, ^done)
			b.Put(out)
			done++
		}
		if b.Push() {
			w.notify()
		}
		if done == witnessTotal {
			return nil
		}
		if p, err := b.Arm(); err != nil {
			return err
		} else if p {
			continue
		}
		if err := w.wait(); err != nil {
			return err
		}
	}
}

func requestSized(f *Front, w *witness, req, rsp int) error {
	out, in := make([]byte, req), make([]byte, rsp)
	for sent, got := uint32(0), uint32(0); ; {
		for f.Free() > 0 && sent < witnessTotal {
			setNumber(out, sent)
			f.Put(out)
			sent++
		}
		if f.Push() {
			w.notify()
		}
		n, err := f.Responses()
		if err != nil {
			return err
		}
		for range n {
			f.Take(in)
			if number(in) != ^got {
				return fmt.Errorf("response %d, want %d", number(in), ^got)
			}
			got++
		}
		if got == witnessTotal {
			return nil
		}
		if p, err := f.Arm(); err != nil {
			return err
		} else if p || f.Free() > 0 && sent < witnessTotal {
			continue
		}
		if err := w.wait(); err != nil {
			return err
		}
	}
}
