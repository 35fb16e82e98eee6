//go:build linux

package channel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// outputGrace is how long a command's output may stay open after it ended, by
// something that it left in the background.
const outputGrace = 500 * time.Millisecond

// Serve says hello on conn, and runs the commands that come over it until it ends. Then
// it kills those that still run.
func Serve(conn io.ReadWriter) error {
	s := &server{w: NewWriter(conn), procs: map[uint32]*running{}}
	if err := s.w.Send(Frame{Kind: Hello}); err != nil {
		return err
	}
	r := NewReader(conn, nil)
	r.greet = true
	for {
		f, err := r.Next()
		if err != nil {
			s.killAll()
			return err
		}
		s.handle(f)
	}
}

type server struct {
	w     *Writer
	mu    sync.Mutex
	procs map[uint32]*running
}

// running is a command that was started and hasn't ended.
type running struct {
	cmd   *exec.Cmd
	stdin *queue[[]byte]
}

func (s *server) handle(f Frame) {
	if f.Kind == Start {
		s.start(f)
		return
	}
	s.mu.Lock()
	p := s.procs[f.ID]
	s.mu.Unlock()
	switch {
	case p == nil:
	case f.Kind == Stdin && len(f.Payload) == 0:
		p.stdin.close()
	case f.Kind == Stdin:
		p.stdin.put(f.Payload)
	case f.Kind == Signal && len(f.Payload) == 1:
		syscall.Kill(-p.cmd.Process.Pid, syscall.Signal(f.Payload[0]))
	}
}

func (s *server) start(f Frame) {
	var c Command
	if err := json.Unmarshal(f.Payload, &c); err != nil || len(c.Args) == 0 {
		s.exit(f.ID, ExitStatus{-1, fmt.Sprintf("not a command: %q: %v", f.Payload, err)})
		return
	}
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = append(os.Environ(), c.Env...)
	cmd.Dir = c.Dir
	cmd.WaitDelay = outputGrace
	p := &running{cmd: cmd, stdin: newQueue[[]byte]()}
	launch := s.pipes
	if c.Terminal {
		launch = s.terminal
	}
	wait, err := launch(f.ID, p, c)
	if err != nil {
		s.exit(f.ID, ExitStatus{-1, err.Error()})
		return
	}
	s.mu.Lock()
	s.procs[f.ID] = p
	s.mu.Unlock()
	go func() {
		status := statusOf(wait())
		s.mu.Lock()
		delete(s.procs, f.ID)
		s.mu.Unlock()
		p.stdin.close()
		s.exit(f.ID, status)
	}()
}

// pipes starts a command whose input and output are pipes.
func (s *server) pipes(id uint32, p *running, _ Command) (wait func() error, err error) {
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.cmd.Stdout = output{s, Stdout, id}
	p.cmd.Stderr = output{s, Stderr, id}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go p.feed(in)
	return p.cmd.Wait, nil
}

// feed passes on the input as the command takes it.
func (p *running) feed(in io.WriteCloser) {
	defer in.Close()
	for {
		b, err := p.stdin.take()
		if err != nil {
			return
		}
		if _, err := in.Write(b); err != nil {
			return
		}
	}
}

// output sends what a command writes.
type output struct {
	s    *server
	kind Kind
	id   uint32
}

func (o output) Write(p []byte) (int, error) {
	if err := o.s.w.SendAll(o.kind, o.id, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (s *server) exit(id uint32, status ExitStatus) {
	text, err := json.Marshal(status)
	if err != nil {
		panic(err) // a struct of a number and a string
	}
	s.w.Send(Frame{Exit, id, text[:min(len(text), maxPayload)]})
}

func statusOf(err error) ExitStatus {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return ExitStatus{}
	case errors.As(err, &exit) && exit.Exited():
		return ExitStatus{Code: exit.ExitCode()}
	}
	return ExitStatus{-1, err.Error()}
}

func (s *server) killAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.procs {
		syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	}
}
