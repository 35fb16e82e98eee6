package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/test/xen/internal/channel"
)

// CommandTimeout bounds Run, Put and Get.
const CommandTimeout = 2 * time.Minute

// Shell is a domain that takes commands: dom0 or a domU. Any goroutine may use it.
type Shell struct {
	name   string
	client *channel.Client
}

// Name returns the domain's name.
func (s *Shell) Name() string { return s.name }

// Result is what a command left.
type Result struct {
	Stdout, Stderr string
	channel.ExitStatus
}

// Exec runs a command line with sh, and waits until it has ended or ctx has. The
// error is nil for every command that ran; see the result for how it ended.
func (s *Shell) Exec(ctx context.Context, line string) (Result, error) {
	return s.exec(ctx, channel.Command{Args: []string{"sh", "-c", line}}, nil)
}

func (s *Shell) exec(ctx context.Context, c channel.Command, stdin io.Reader) (Result, error) {
	var stdout, stderr bytes.Buffer
	p, err := s.client.Start(c, stdin, &stdout, &stderr)
	if err != nil {
		return Result{}, fmt.Errorf("%s: %w", s.name, err)
	}
	status, err := p.Wait(ctx)
	if err != nil {
		// The output may still grow.
		return Result{ExitStatus: status}, fmt.Errorf("%s: %w", s.name, err)
	}
	return Result{stdout.String(), stderr.String(), status}, nil
}

// Run runs a command line with sh and returns what it printed to its standard output. The
// test fails if the command does.
func (s *Shell) Run(t testing.TB, line string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), CommandTimeout)
	defer cancel()
	r, err := s.Exec(ctx, line)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Fatalf("%s: %s: %v\n%s%s", s.name, line, err, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// Await runs a command line with sh again and again until it succeeds. The test
// fails after CommandTimeout.
func (s *Shell) Await(t testing.TB, line string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), CommandTimeout)
	defer cancel()
	// The loop runs in the guest: a turn costs no trip over the line.
	r, err := s.Exec(ctx, "until { "+line+"\n} >/dev/null 2>&1; do sleep 0.05; done")
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Fatalf("%s: waiting for %s: %v", s.name, line, err)
	}
}

// Put writes a file with the given permissions.
func (s *Shell) Put(t testing.TB, path string, content []byte, perm os.FileMode) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), CommandTimeout)
	defer cancel()
	if err := s.put(ctx, path, bytes.NewReader(content), perm); err != nil {
		t.Fatal(err)
	}
}

// PutFile copies a file of the machine that the tests run on.
func (s *Shell) PutFile(t testing.TB, path, from string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), CommandTimeout)
	defer cancel()
	if err := s.CopyFile(ctx, path, from); err != nil {
		t.Fatal(err)
	}
}

// put replaces a file at once, so that a program that runs may be replaced.
func (s *Shell) put(ctx context.Context, path string, content io.Reader, perm os.FileMode) error {
	const script = `mkdir -p "$(dirname "$1")" && cat >"$1.part" && chmod "$2" "$1.part" && mv "$1.part" "$1"`
	c := channel.Command{Args: []string{"sh", "-c", script, "put", path, fmt.Sprintf("%o", perm)}}
	r, err := s.exec(ctx, c, content)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return fmt.Errorf("%s: put %s: %w: %s", s.name, path, err, r.Stderr)
	}
	return nil
}

// Get reads a file.
func (s *Shell) Get(t testing.TB, path string) []byte {
	t.Helper()
	return []byte(s.Run(t, "cat '"+path+"'"))
}

// Process is a command in the background.
type Process struct {
	proc *channel.Process
	mu   sync.Mutex
	out  bytes.Buffer
}

// Write collects output. It is for the channel.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// Output returns what it has printed so far, to either of its outputs.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// stopTimeout is how long a process in the background has to end when asked to.
const stopTimeout = 10 * time.Second

// Start starts a command line with sh in the background. When the test ends it is
// asked to end by SIGTERM, then killed; its output is logged if the test failed.
func (s *Shell) Start(t testing.TB, line string) *Process {
	t.Helper()
	p := &Process{}
	proc, err := s.client.Start(channel.Command{Args: []string{"sh", "-c", "exec " + line}}, nil, p, p)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	p.proc = proc
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("%s: %s printed:\n%s", s.name, line, p.Output())
		}
	})
	return p
}

// WaitFor waits until the process has printed a text. The test fails if it ends
// before, or after CommandTimeout.
func (p *Process) WaitFor(t testing.TB, text string) {
	t.Helper()
	for deadline := time.Now().Add(CommandTimeout); ; time.Sleep(20 * time.Millisecond) {
		ended := false
		select {
		case <-p.proc.Done():
			ended = true
		default:
		}
		if strings.Contains(p.Output(), text) {
			return
		}
		if ended || time.Now().After(deadline) {
			t.Fatalf("it didn't print %q, but:\n%s", text, p.Output())
		}
	}
}
