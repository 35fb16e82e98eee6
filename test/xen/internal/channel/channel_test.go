//go:build linux

package channel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
)

// TestNoise puts what a kernel prints between frames, and inside of one.
func TestNoise(t *testing.T) {
	var line bytes.Buffer
	w := NewWriter(&line)
	send := func(f Frame) []byte {
		t.Helper()
		line.Reset()
		if err := w.Send(f); err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(line.Bytes())
	}
	stale := send(Frame{Stdout, 9, []byte("before hello")})
	hello := send(Frame{Kind: Hello})
	one := send(Frame{Stdout, 1, []byte("one")})
	two := send(Frame{Stdout, 1, []byte(strings.Repeat("two", 2000))})
	three := send(Frame{Stdout, 1, []byte("three")})

	var in []byte
	for _, b := range [][]byte{[]byte("[0.0] boot\xfe\n"), stale, hello, []byte("\xfeLB\x01 oops\n"), one, two[:100], []byte("panic"), two[100:], three} {
		in = append(in, b...)
	}
	var noise bytes.Buffer
	r := NewReader(bytes.NewReader(in), &noise)
	for _, want := range []Frame{{Kind: Hello}, {Stdout, 1, []byte("one")}} {
		f, err := r.Next()
		if err != nil || f.Kind != want.Kind || f.ID != want.ID || !bytes.Equal(f.Payload, want.Payload) {
			t.Fatalf("got %v, %v, want %v", f, err, want)
		}
	}
	if f, err := r.Next(); !errors.Is(err, ErrGap) {
		t.Errorf("after a torn frame: %v, %v, want %v", f, err, ErrGap)
	}
	for _, want := range []string{"boot", "oops", "panic"} {
		if !strings.Contains(noise.String(), want) {
			t.Errorf("the noise lacks %q: %q", want, noise.String())
		}
	}
}

func TestConsoleEscapes(t *testing.T) {
	var all []byte
	for i := range 256 {
		all = append(all, byte(i), ctrlO, esc, byte(i))
	}
	var line bytes.Buffer
	if _, err := ToConsole(&line).Write(all); err != nil {
		t.Fatal(err)
	}
	if bytes.IndexByte(line.Bytes(), ctrlO) >= 0 {
		t.Error("a Ctrl-O went over the line")
	}
	got, err := io.ReadAll(FromConsole(iotestOneByte{&line}))
	if err != nil || !bytes.Equal(got, all) {
		t.Errorf("it came back as %q, %v", got, err)
	}
}

// iotestOneByte reads a byte at a time, so that an escape is torn apart.
type iotestOneByte struct{ r io.Reader }

func (o iotestOneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// client connects through a hub to a server of this process.
func client(t *testing.T) *Client {
	t.Helper()
	testenv.Leaks(t)
	socket := filepath.Join(t.TempDir(), "hub")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server, hub := net.Pipe()
	served := make(chan error, 2)
	go func() { served <- Serve(server) }()
	go func() { served <- ServeHub(hub, l, nil) }()
	t.Cleanup(func() {
		server.Close()
		hub.Close()
		<-served
		<-served
	})
	return connect(t, socket)
}

func connect(t *testing.T, socket string) *Client {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := NewClient(ctx, conn, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func run(t *testing.T, c *Client, stdin io.Reader, args ...string) (string, string, ExitStatus) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p, err := c.Start(Command{Args: args}, stdin, &stdout, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	status, err := p.Wait(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), status
}

func TestCommands(t *testing.T) {
	c := client(t)
	for _, tc := range []struct {
		name, line, in, out, errs string
		code                      int
	}{
		{"output", "echo out; echo err >&2", "", "out\n", "err\n", 0},
		{"exit code", "exit 7", "", "", "", 7},
		{"input", "cat", "some text", "some text", "", 0},
		{"background", "sleep 30 & echo on", "", "on\n", "", 0},
		{"signal", "kill -9 $$", "", "", "", -1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			out, errs, status := run(t, c, strings.NewReader(tc.in), "sh", "-c", tc.line)
			if out != tc.out || errs != tc.errs || status.Code != tc.code {
				t.Errorf("%q, %q, %v; want %q, %q, %d", out, errs, status, tc.out, tc.errs, tc.code)
			}
		})
	}
	if _, _, status := run(t, c, nil, "no-such-program"); status.Code != -1 || !strings.Contains(status.Reason, "no-such-program") {
		t.Errorf("a program that isn't there: %+v", status)
	}
}

// TestMuch moves more than a frame, a pipe or a socket holds.
func TestMuch(t *testing.T) {
	c := client(t)
	much := strings.Repeat("0123456789abcdef", 1<<17)
	if out, _, status := run(t, c, strings.NewReader(much), "cat"); out != much || status.Code != 0 {
		t.Errorf("%d of %d bytes came back, %v", len(out), len(much), status)
	}
}

// TestKilled ends a command with its context.
func TestKilled(t *testing.T) {
	c := client(t)
	p, err := c.Start(Command{Args: []string{"sleep", "60"}}, nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := p.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("waiting ended with %v", err)
	}
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Error("the command outlived its context")
	}
}

// TestClientGone looks for the commands of a client that hung up.
func TestClientGone(t *testing.T) {
	c := client(t)
	other := connect(t, c.conn.(net.Conn).RemoteAddr().String())
	pid := make(chan string, 1)
	if _, err := other.Start(Command{Args: []string{"sh", "-c", "echo $$; exec sleep 60"}}, nil, first{pid}, nil); err != nil {
		t.Fatal(err)
	}
	mine := strings.TrimSpace(<-pid)
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if _, _, status := run(t, c, nil, "kill", "-0", mine); status.Code != 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %s outlived the client that started it", mine)
		}
	}
}

// first passes on what is written first.
type first struct{ c chan string }

func (f first) Write(b []byte) (int, error) {
	select {
	case f.c <- string(b):
	default:
	}
	return len(b), nil
}

func TestTerminal(t *testing.T) {
	c := client(t)
	var out bytes.Buffer
	p, err := c.Start(Command{Args: []string{"sh", "-c", "tty >/dev/null && stty size"}, Terminal: true, Rows: 33, Cols: 77}, nil, &out, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, err := p.Wait(t.Context())
	if err != nil || status.Code != 0 || !strings.Contains(out.String(), "33 77") {
		t.Errorf("%q, %v, %v", out.String(), status, err)
	}
}
