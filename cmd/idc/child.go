//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopTime is how long a child may take to end when it is told to.
const stopTime = 15 * time.Second

// child is this program once more, in a process of its own, that prints JSON. It dies
// with us.
type child struct {
	what   string
	cmd    *exec.Cmd
	lines  chan []byte   // what it prints, until it ends
	ended  chan struct{} // closed when it has ended
	err    error         // how, valid then
	stderr tail
}

// startChild starts this program with args. It must be called on the main goroutine,
// which keeps to its thread: the kernel sends the death signal when the thread that
// started the child ends.
func startChild(what string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to start it again: %w", err)
	}
	c := &child{what: what, cmd: exec.Command(self, args...), lines: make(chan []byte, 1024), ended: make(chan struct{})}
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	c.cmd.Stderr = &c.stderr
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the %s: %w", what, err)
	}
	go c.read(out)
	return c, nil
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// read passes lines on until the child ends.
func (c *child) read(out io.Reader) {
	for s := bufio.NewScanner(out); s.Scan(); {
		c.lines <- bytes.Clone(s.Bytes())
	}
	close(c.lines)
	c.err = c.cmd.Wait()
	close(c.ended)
}

// expect reads one line of JSON into v.
func (c *child) expect(v any, patience time.Duration) error {
	select {
	case line, ok := <-c.lines:
		if !ok {
			<-c.ended
			return c.failure()
		}
		if err := json.Unmarshal(line, v); err != nil {
			return fmt.Errorf("the %s printed %q: %w", c.what, line, err)
		}
		return nil
	case <-time.After(patience):
		return fmt.Errorf("the %s said nothing for %v", c.what, patience)
	}
}

// failure says how the child ended, with the last of what it said. It has ended.
func (c *child) failure() error {
	err := c.err
	if err == nil {
		err = errors.New("it ended too early")
	}
	if said := c.stderr.String(); said != "" {
		return fmt.Errorf("the %s (pid %d): %w: %s", c.what, c.pid(), err, said)
	}
	return fmt.Errorf("the %s (pid %d): %w", c.what, c.pid(), err)
}

// kill ends the child without a warning, and waits for that.
func (c *child) kill() {
	c.cmd.Process.Kill()
	c.drain()
}

// stop tells the child to end, and returns how it did.
func (c *child) stop() error {
	c.cmd.Process.Signal(syscall.SIGTERM)
	late := time.AfterFunc(stopTime, func() { c.cmd.Process.Kill() })
	defer late.Stop()
	c.drain()
	if c.err != nil {
		return c.failure()
	}
	return nil
}

// drain waits for the end of the child, whatever it still prints.
func (c *child) drain() {
	for range c.lines {
	}
	<-c.ended
}

// tail keeps the last of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

const tailSize = 2048

// Write never fails.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	t.buf = t.buf[max(0, len(t.buf)-tailSize):]
	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.buf))
}
