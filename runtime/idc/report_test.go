package idc

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// logBuffer is where a log goes that several goroutines write and a test reads.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

// want fails unless what was logged contains all of the words, in one line.
func (b *logBuffer) want(t *testing.T, words ...string) {
	t.Helper()
	for line := range strings.Lines(b.String()) {
		found := true
		for _, w := range words {
			found = found && strings.Contains(line, w)
		}
		if found {
			return
		}
	}
	t.Errorf("no line of the log has %q:\n%s", words, b)
}

// failing is a back end whose operation 1 panics, 2 fails, and 3 ends its goroutine.
func failing(r *Request) {
	op := r.Slot()[8]
	name := [...]string{"quiet", "bang", "fail", "exit"}[op]
	if r.Serve(name) {
		switch op {
		case 1:
			panic("the handler's own")
		case 2:
			r.Done(errors.New("no such thing"))
		case 3:
			runtime.Goexit()
		}
	}
	rsp := r.Respond(16)
	copy(rsp, r.Slot()[:8])
	if op != 0 {
		rsp[8] = 0xFF
	}
}

func serveFailing(d Domain, opts ...Option) *Service {
	return NewService(d, "c", BackSpec{
		Protocol: lendProtocol, Publish: func(*KeyWriter) {}, Accept: func(*KeyReader) error { return nil }, Handle: failing,
	}, opts...)
}

// ask returns whether the back end answered with success.
func ask(ctx context.Context, f *Front, op byte) (bool, error) {
	x, err := f.Begin(ctx, nil, 0, 0)
	if err != nil {
		return false, err
	}
	err = x.Run(ctx, func(x *Txn) {
		b := x.Request(24)
		b[0], b[8] = byte(x.ID()), op
	}, false)
	if err != nil {
		return false, err
	}
	defer x.End()
	return x.Response()[8] == 0, nil
}

// A panic in a handler fails its request and nothing else; so does an error. Both are
// logged, with who asked for what, counted, and shown to who observes.
func TestHandlersThatFail(t *testing.T) {
	for _, workers := range []int{1, 4} {
		_, d := lendWorld(t)
		var log logBuffer
		var mu sync.Mutex
		var seen []Served
		s := serveFailing(d[1], Logger(log.logger()), Workers(workers), Observe(func(s Served) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, s)
			if s.Transaction == "bang" {
				panic("the observer's own")
			}
		}))
		f := lendFront(t, d[0])
		for range 3 {
			for op := range byte(3) {
				if ok, err := ask(t.Context(), f, op); err != nil || ok != (op == 0) {
					t.Errorf("operation %d: %v, %v", op, ok, err)
				}
			}
		}
		if got := s.Stats(); got != (Stats{Failed: 3, Panicked: 3}) {
			t.Errorf("%+v", got)
		}
		s.Close()
		front := "front=" + strconv.Itoa(int(d[0].ID()))
		log.want(t, "level=ERROR", "a handler panicked", "transaction=bang", "the handler's own", "report_test.go", front, "protocol=lend", "name=c")
		log.want(t, "level=WARN", "a request failed", "transaction=fail", "no such thing", front, "protocol=lend", "name=c")
		log.want(t, "a callback panicked", "the observer's own", "report_test.go")
		if len(seen) != 9 || seen[0].Transaction != "quiet" || seen[0].Duration <= 0 || seen[0].Err != nil ||
			seen[1].Panic != "the handler's own" || !bytes.Contains(seen[1].Stack, []byte("failing")) || seen[2].Err == nil {
			t.Errorf("observed %+v", seen)
		}
	}
}

// A handler that ends its goroutine, as testing's FailNow does, costs its connection.
func TestHandlerThatExits(t *testing.T) {
	_, d := lendWorld(t)
	s := serveFailing(d[1])
	defer s.Close()
	f := lendFront(t, d[0])
	if _, err := ask(t.Context(), f, 3); !errors.Is(err, ErrDisconnected) {
		t.Errorf("without an answer: %v", err)
	}
	if ok, err := ask(t.Context(), f, 0); err != nil || !ok {
		t.Errorf("afterwards: %v, %v", ok, err)
	}
}

// A front end that asks for failures all day doesn't fill the disk.
func TestLogIsBounded(t *testing.T) {
	_, d := lendWorld(t)
	var log logBuffer
	s := serveFailing(d[1], Logger(log.logger()))
	defer s.Close()
	f := lendFront(t, d[0])
	start := time.Now()
	for range 500 {
		ask(t.Context(), f, 2)
	}
	most := logsASecond * (2 + int(time.Since(start)/time.Second))
	if n := strings.Count(log.String(), "a request failed"); n > most || n < 1 {
		t.Errorf("%d lines for 500 failures, want at most %d", n, most)
	}
	if got := s.Stats().Failed; got != 500 {
		t.Errorf("%d failures counted", got)
	}
}

// A panic in a callback ends there, and is logged.
func TestCallbacksThatPanic(t *testing.T) {
	_, d := lendWorld(t)
	s := serveFailing(d[1])
	defer s.Close()
	var log logBuffer
	spec := FrontSpec{Protocol: lendProtocol, Publish: func(*KeyWriter) {}, Negotiate: func(*KeyReader) (int, error) { return 1, nil }}
	f := NewFront(d[0], "c", spec, Logger(log.logger()),
		OnConnect(func() { panic("at connect") }), OnDisconnect(func(error) { panic("at disconnect") }))
	if ok, err := ask(t.Context(), f, 0); err != nil || !ok {
		t.Errorf("%v, %v", ok, err)
	}
	x, err := f.Begin(t.Context(), nil, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	x.Start(func(x *Txn) { x.Request(24)[0] = byte(x.ID()) }, func(x *Txn) { x.End(); panic("in done") }, false)
	for _, what := range []string{"in done", "at connect", "at disconnect"} {
		if what == "at disconnect" {
			f.Close()
		}
		for !strings.Contains(log.String(), what) {
			time.Sleep(time.Millisecond)
		}
		log.want(t, "a callback panicked", what, "report_test.go")
	}
}

// Who prefers to die at a panic does, of the panic.
func TestDieOnPanic(t *testing.T) {
	testenv.Native(t)
	if os.Getenv("XENIDC_DIE") != "" {
		w := sim.New(sim.Options{})
		front, _ := w.NewDomain()
		back, _ := w.NewDomain()
		serveFailing(back, DieOnPanic())
		f := lendFront(t, front)
		ask(t.Context(), f, 1)
		os.Exit(0)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestDieOnPanic$")
	cmd.Env = append(os.Environ(), "XENIDC_DIE=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "panic: the handler's own") || strings.Contains(string(out), "unlock of unlocked") {
		t.Errorf("%v:\n%s", err, out)
	}
}
