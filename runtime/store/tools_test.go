//go:build linux

package store

import (
	"bufio"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// tool finds one of Debian's C clients.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%v: apt-get install xenstore-utils", err)
	}
	return path
}

// listen serves domain 0 on a unix socket, and returns its path.
func (w *world) listen() string {
	w.t.Helper()
	dir, err := os.MkdirTemp("", "xs") // a short one: a socket's path has 108 bytes
	if err != nil {
		w.t.Fatal(err)
	}
	sock := filepath.Join(dir, "s")
	l, err := net.Listen("unix", sock)
	if err != nil {
		w.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Add(1)
			go func() {
				defer wg.Done()
				_ = w.s.Serve(conn, 0, true)
			}()
		}
	}()
	w.t.Cleanup(func() {
		l.Close()
		w.s.Close()
		wg.Wait()
		os.RemoveAll(dir)
	})
	return sock
}

// TestTools runs the C clients, which know nothing of us.
func TestTools(t *testing.T) {
	w := newWorld(t)
	sock := w.listen()
	dots := strings.TrimSpace(strings.Repeat(". ", 25))
	tests := []struct {
		cmd, want string
		fails     bool
	}{
		{cmd: "xenstore-write /a/b one /a/c two"},
		{cmd: "xenstore-read /a/b", want: "one\n"},
		{cmd: "xenstore-read -p /a/b /a/c", want: "/a/b: one\n/a/c: two\n"},
		{cmd: "xenstore-read /a/nope", fails: true},
		{cmd: "xenstore-write /a/b 1 /a//c 2", fails: true},
		{cmd: "xenstore-read /a/b", want: "one\n"}, // it writes in a transaction
		{cmd: "xenstore-list /a", want: "b\nc\n"},
		{cmd: "xenstore-list -p /a", want: "/a/b\n/a/c\n"},
		{cmd: "xenstore-exists /a/b"},
		{cmd: "xenstore-exists /a/nope", fails: true},
		{cmd: "xenstore-chmod /a/b n0 r5 b6"},
		{cmd: "xenstore-chmod -r /a/c r7"},
		{cmd: "xenstore-chmod -u /a/c/d/e n7", fails: true},
		{cmd: "xenstore-ls /a", want: "b = \"one\"\nc = \"two\"\n"},
		{cmd: "xenstore-ls -p /a", want: "b = \"one\"  " + dots + "  (n0,r5,b6)\nc = \"two\"  " + dots + "  (r7)\n"},
		{cmd: "xenstore-ls -f /a", want: "/a/b = \"one\"\n/a/c = \"two\"\n"},
		{cmd: "xenstore-ls", want: "tool = \"\"\n xenstored = \"\"\na = \"\"\n b = \"one\"\n c = \"two\"\n"},
		{cmd: "xenstore-write /a/x/y/z deep"},
		{cmd: "xenstore-rm -t /a/x/y/z"}, // and what that leaves empty
		{cmd: "xenstore-ls -f /a", want: "/a/b = \"one\"\n/a/c = \"two\"\n"},
		{cmd: "xenstore-rm /a"},
		{cmd: "xenstore-ls -f", want: "/tool = \"\"\n/tool/xenstored = \"\"\n"},
		{cmd: "xenstore-write rel value"},
		{cmd: "xenstore-read /local/domain/0/rel", want: "value\n"},
	}
	for _, tt := range tests {
		args := strings.Fields(tt.cmd)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		cmd := exec.CommandContext(ctx, tool(t, args[0]), args[1:]...)
		cmd.Env = append(os.Environ(), "XENSTORED_PATH="+sock)
		out, err := cmd.Output()
		cancel()
		if (err != nil) != tt.fails || string(out) != tt.want {
			t.Errorf("%s: printed %q, %v; want %q", tt.cmd, out, err, tt.want)
		}
	}
}

func TestToolWatch(t *testing.T) {
	w := newWorld(t)
	sock := w.listen()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, tool(t, "xenstore-watch"), "-n", "4", "/w")
	cmd.Env = append(os.Environ(), "XENSTORED_PATH="+sock)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	c := w.s.Local()
	steps := []struct {
		do   func() error
		want string
	}{
		{func() error { return nil }, "/w\n"},
		{func() error { return c.Write(ctx, NoTx, "/w/a/b", "1") }, "/w/a/b\n"},
		{func() error { return c.SetPerms(ctx, NoTx, "/w/a", Perm{0, PermRead}) }, "/w/a\n"},
		{func() error { return c.Remove(ctx, NoTx, "/w") }, "/w\n"},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			t.Fatal(err)
		}
		if line, err := lines.ReadString('\n'); err != nil || line != s.want {
			t.Fatalf("xenstore-watch printed %q, %v; want %q", line, err, s.want)
		}
	}
	_, _ = io.Copy(io.Discard, lines)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestToolLongDirectory makes xenstore-list read in parts.
func TestToolLongDirectory(t *testing.T) {
	w := newWorld(t)
	sock := w.listen()
	c := w.s.Local()
	var want strings.Builder
	err := c.Transaction(t.Context(), func(tx Tx) error {
		want.Reset()
		for i := range 700 {
			name := "a-rather-long-name-" + strings.Repeat("n", i%7) + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
			want.WriteString(name + "\n")
			if err := c.Mkdir(t.Context(), tx, "/long/"+name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool(t, "xenstore-list"), "/long")
	cmd.Env = append(os.Environ(), "XENSTORED_PATH="+sock)
	out, err := cmd.Output()
	if err != nil || string(out) != want.String() {
		t.Errorf("xenstore-list: %v, %d bytes; want %d", err, len(out), want.Len())
	}
	names, err := c.List(t.Context(), NoTx, "/long")
	if err != nil || strings.Join(names, "\n")+"\n" != want.String() {
		t.Errorf("List: %v, %d names", err, len(names))
	}
}
