//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// idcPath is the built command.
var idcPath string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "idc-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	idcPath = filepath.Join(dir, "idc")
	args := []string{"build", "-o", idcPath}
	if raceEnabled {
		args = append(args, "-race")
	}
	build := exec.Command("go", append(args, "github.com/xenidc/idc/cmd/idc")...)
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n%s", build, err, out)
		return 1
	}
	return m.Run()
}

// stack is a broker and what runs around it.
type stack struct {
	t      *testing.T
	socket string
	broker *process
}

// newStack starts a broker.
func newStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{t: t, socket: filepath.Join(t.TempDir(), "broker.sock")}
	s.startBroker()
	return s
}

// startBroker starts the broker, or another one after that was killed.
func (s *stack) startBroker() {
	s.broker = s.start("broker", "--socket", s.socket)
	s.broker.ready()
}

// process is idc in a process of its own.
type process struct {
	t      *testing.T
	name   string
	cmd    *exec.Cmd
	lines  chan []byte
	exited chan struct{}
	err    error // valid after exited
	once   sync.Once
	mu     sync.Mutex
	log    bytes.Buffer
}

// start starts idc at the stack's broker. It is stopped, and must end well, when the
// test ends.
func (s *stack) start(args ...string) *process {
	s.t.Helper()
	args = append([]string{"--json", "--log-level=info", "--platform=host:" + s.socket}, args...)
	p := &process{t: s.t, name: strings.Join(args[3:], " "), cmd: exec.Command(idcPath, args...), lines: make(chan []byte, 16), exited: make(chan struct{})}
	p.cmd.Stderr = p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			select {
			case p.lines <- bytes.Clone(lines.Bytes()):
			default:
			}
		}
		close(p.lines)
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	s.t.Cleanup(p.stop)
	return p
}

// Write collects what the process logs.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.Write(b)
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// ready returns the next thing that the process says.
func (p *process) ready() map[string]any {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			<-p.exited
			p.t.Fatalf("idc %s ended: %v\n%s", p.name, p.err, p.logged())
		}
		var said map[string]any
		if err := json.Unmarshal(line, &said); err != nil {
			p.t.Fatalf("idc %s said %q: %v", p.name, line, err)
		}
		return said
	case <-time.After(30 * time.Second):
		p.t.Fatalf("idc %s says nothing\n%s", p.name, p.logged())
	}
	return nil
}

// stop tells the process to end, and fails the test unless it does, soon and well.
func (p *process) stop() {
	p.once.Do(func() {
		p.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-p.exited:
			if p.err != nil {
				p.t.Errorf("idc %s: %v\n%s", p.name, p.err, p.logged())
			}
		case <-time.After(20 * time.Second):
			p.cmd.Process.Signal(syscall.SIGQUIT) // so that its goroutines are seen
			<-p.exited
			p.t.Errorf("idc %s doesn't end\n%s", p.name, p.logged())
		}
	})
}

// kill ends the process without warning.
func (p *process) kill() {
	p.once.Do(func() {
		p.cmd.Process.Kill()
		<-p.exited
	})
}

// run runs idc to its end and returns what it prints.
func (s *stack) run(args ...string) string {
	s.t.Helper()
	return run(s.t, idcPath, append([]string{"--platform=host:" + s.socket}, args...)...)
}

// disk is an image that is served by one process and attached by another.
type disk struct {
	name, uri string
	serve     *process
	attach    *process
}

// stop ends both processes.
func (d *disk) stop() {
	d.attach.stop()
	d.serve.stop()
}

// attach serves an image and attaches it, at a broker of their own. flags are those of
// 'idc blk serve'.
func attach(t *testing.T, image string, flags ...string) *disk {
	t.Helper()
	s := newStack(t)
	d := &disk{name: "disk"}
	d.serve = s.start(append([]string{"blk", "serve", "--name=disk", image}, flags...)...)
	d.serve.ready()
	d.attach, d.uri = s.attach("disk")
	return d
}

// attach attaches a disk by its name.
func (s *stack) attach(name string) (p *process, uri string) {
	s.t.Helper()
	p = s.start("blk", "attach", "--name", name, "--nbd", "unix:"+filepath.Join(s.t.TempDir(), "nbd"))
	uri, _ = p.ready()["uri"].(string)
	return p, uri
}
