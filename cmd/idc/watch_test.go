//go:build linux

package main

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/store"
)

// watching is 'idc blk serve --watch' within the test, and the toolstack.
type watching struct {
	t      *testing.T
	dir    string // of images
	c      *store.Client
	own    idc.DomID
	log    lockedBuffer
	cancel context.CancelFunc
	over   chan error
}

// lockedBuffer is written to by several goroutines.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func newWatching(t *testing.T) *watching {
	testenv.Leaks(t)
	w := &watching{t: t, dir: t.TempDir(), over: make(chan error, 1)}
	socket := filepath.Join(w.dir, "broker.sock")
	b, err := broker.Start(socket, broker.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	e := &env{
		ctx: ctx, stdout: &w.log, stderr: &w.log, platform: platformFlag{path: socket},
		log: slog.New(slog.NewTextHandler(&w.log, nil)),
	}
	cmd := &serveCmd{Watch: true, Type: "idcvbd", Root: w.dir, Workers: 1, backFlags: backFlags{Queues: 1}}
	go func() { w.over <- cmd.Run(e) }()
	t.Cleanup(w.end)
	w.eventually("watching", func() bool { return strings.Contains(w.log.String(), "watching /local/domain/") })
	w.own = 1 // the first to join
	d, err := e.join("toolstack")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if w.c, err = e.toolstack(d); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.c.Close() })
	return w
}

// end tells the server to end, and fails the test unless it does, well.
func (w *watching) end() {
	w.cancel()
	if w.over == nil {
		return
	}
	if err := <-w.over; err != nil {
		w.t.Errorf("the server ended with %v\n%s", err, w.log.String())
	}
	w.over = nil
}

func (w *watching) eventually(what string, ok func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("no %s\n%s", what, w.log.String())
		}
	}
}

func (w *watching) image(name string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := image.Create(path, 1<<20); err != nil {
		w.t.Fatal(err)
	}
	return path
}

// assign makes a disk for a domain.
func (w *watching) assign(front idc.DomID, params, mode string) *idc.Assignment {
	w.t.Helper()
	a := assignment(w.own, front, 51712, "idcvbd", params, mode)
	if _, err := a.Make(w.t.Context(), w.c, a.BackDir()); err != nil {
		w.t.Fatal(err)
	}
	return a
}

func (w *watching) remove(a *idc.Assignment) {
	w.t.Helper()
	if err := a.Remove(w.t.Context(), w.c); err != nil {
		w.t.Fatal(err)
	}
}

// read is the value of a node of the back end's directory, or nothing.
func (w *watching) read(a *idc.Assignment, key string) string {
	v, _ := w.c.Read(w.t.Context(), store.NoTx, a.BackDir()+"/"+key)
	return v
}

// served waits until front ends may come.
func (w *watching) served(a *idc.Assignment) {
	w.t.Helper()
	w.eventually("state InitWait in "+a.BackDir(), func() bool { return w.read(a, "state") == store.StateInitWait.Value() })
}

// A domain that reboots gets its disk: the successor's is there before the first one's
// is closed, and the image is locked until then.
func TestWatchSuccessor(t *testing.T) {
	w := newWatching(t)
	w.image("a.img")
	first := w.assign(500, "a.img", "w")
	w.served(first)
	second := w.assign(501, "a.img", "w")
	w.eventually("complaint", func() bool { return strings.Contains(w.read(second, "error"), "in use") })
	w.remove(first)
	w.served(second)
	if got := w.read(second, "error"); got != "" {
		t.Errorf("the disk is served, and its node error still says %q", got)
	}
}

// What was wrong may go without an event in the store: another program had the image.
func TestWatchTriesAgain(t *testing.T) {
	w := newWatching(t)
	img, err := image.Open(w.image("a.img"), image.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := w.assign(500, "a.img", "w")
	w.eventually("complaint", func() bool { return strings.Contains(w.read(a, "error"), "in use") })
	img.Close()
	w.served(a)
	if n := strings.Count(w.log.String(), "can't serve a disk"); n != 1 {
		t.Errorf("%d complaints\n%s", n, w.log.String())
	}
}

// A disk whose storage is slow delays no other, neither when it comes nor when it goes.
func TestWatchSlowDisk(t *testing.T) {
	slow, opening := make(chan struct{}), make(chan struct{})
	openImage = func(path string, opts image.Options) (*image.Image, error) {
		if filepath.Base(path) == "slow.img" {
			close(opening)
			<-slow
		}
		return image.Open(path, opts)
	}
	t.Cleanup(func() { openImage = image.Open })
	w := newWatching(t)
	w.image("slow.img")
	w.image("a.img")
	late := w.assign(500, "slow.img", "w")
	<-opening
	a := w.assign(501, "a.img", "w")
	w.served(a)
	w.remove(a)
	w.eventually("end of the disk", func() bool { return strings.Contains(w.log.String(), "no longer served") })
	close(slow)
	w.served(late)
}

// A disk that failed to get ready isn't left open, and locked.
func TestWatchUnready(t *testing.T) {
	var w *watching
	a := assignment(1, 500, 51712, "idcvbd", "a.img", "w")
	openImage = func(path string, opts image.Options) (*image.Image, error) {
		w.remove(a) // the toolstack changes its mind while the image is opened
		return image.Open(path, opts)
	}
	t.Cleanup(func() { openImage = image.Open })
	w = newWatching(t)
	path := w.image("a.img")
	w.assign(500, "a.img", "w")
	w.eventually("end of the directory", func() bool { return w.read(a, "state") == "" })
	w.eventually("lock on the image", func() bool {
		img, err := image.Open(path, image.Options{})
		if err == nil {
			img.Close()
		}
		return err == nil
	})
}

// Only a value that contains w lets a front end write.
func TestWatchMode(t *testing.T) {
	w := newWatching(t)
	for i, mode := range []string{"w", "w!", "rw", "r", "ro", "R", "W", "", "banana", "x"} {
		w.image(mode + ".img")
		a := w.assign(idc.DomID(500+i), mode+".img", mode)
		w.served(a)
		want := "4" // VDISK_READONLY
		if strings.Contains(mode, "w") {
			want = "0"
		}
		if got := w.read(a, "info"); got != want {
			t.Errorf("mode %q: info is %q, want %q", mode, got, want)
		}
	}
	w.image("none.img")
	a := assignment(w.own, 600, 51712, "idcvbd", "none.img", "w")
	delete(a.BackKeys, "mode")
	if _, err := a.Make(t.Context(), w.c, a.BackDir()); err != nil {
		t.Fatal(err)
	}
	if w.served(a); w.read(a, "info") != "4" {
		t.Errorf("without mode info is %q", w.read(a, "info"))
	}
}

// Being told to end is no failure, whatever it comes between.
func TestWatchEndsWell(t *testing.T) {
	for range 20 {
		w := newWatching(t)
		w.image("a.img")
		a := w.assign(500, "a.img", "w")
		busy := make(chan struct{})
		go func() {
			defer close(busy)
			for i := range 40 {
				if err := w.c.Write(context.Background(), store.NoTx, a.BackDir()+"/x", string(rune('a'+i%26))); err != nil {
					return
				}
			}
		}()
		w.end()
		<-busy
	}
}

// What can't be served says why, once, in the node error.
func TestWatchSays(t *testing.T) {
	w := newWatching(t)
	for i, tc := range []struct{ params, says string }{
		{"", "params is missing"},
		{"aio:", "params is missing"},
		{"none.img", "none.img: no such file or directory"},
		{"qcow2:a.qcow2", "only raw images are served"},
		{"aio:vhd:a.vhd", "only raw images are served"},
		{"../a.img", "no such file or directory"},
		{"/etc/hostname", "lies outside of"},
	} {
		a := w.assign(idc.DomID(500+i), tc.params, "r")
		w.eventually("complaint", func() bool { return w.read(a, "error") != "" })
		if got := w.read(a, "error"); strings.Count(got, tc.says) != 1 {
			t.Errorf("params %q: the error is %q, want %q in it once", tc.params, got, tc.says)
		}
	}
}

// front writes the front end's state.
func (w *watching) front(a *idc.Assignment, s store.State) {
	w.t.Helper()
	if err := w.c.Write(w.t.Context(), store.NoTx, a.FrontDir()+"/state", s.Value()); err != nil {
		w.t.Fatal(err)
	}
}

// becomes waits for a state of the back end's.
func (w *watching) becomes(a *idc.Assignment, s store.State) {
	w.t.Helper()
	w.eventually("state "+s.String(), func() bool { return w.read(a, "state") == s.Value() })
}

// A drive without a medium is there, in the states that toolstacks and front ends wait
// for; with one it is a disk.
func TestWatchEmptyDrive(t *testing.T) {
	w := newWatching(t)
	w.image("cd.iso")
	for i, params := range []string{"", "aio:"} { // libxl's, ejected and as made
		a := assignment(w.own, idc.DomID(500+i), 51728, "idcvbd", params, "r")
		a.BackKeys["device-type"], a.BackKeys["removable"] = "cdrom", "1"
		if _, err := a.Make(t.Context(), w.c, a.BackDir()); err != nil {
			t.Fatal(err)
		}
		w.becomes(a, store.StateInitWait)
		if got := w.read(a, "error") + w.read(a, "sectors"); got != "" {
			t.Errorf("an empty drive has %q", got)
		}
		w.front(a, store.StateClosing)
		w.becomes(a, store.StateClosing)
		w.front(a, store.StateClosed)
		w.becomes(a, store.StateClosed)
		w.front(a, store.StateInitialising)
		w.becomes(a, store.StateInitWait)
		if err := w.c.Write(t.Context(), store.NoTx, a.BackDir()+"/params", "aio:cd.iso"); err != nil {
			t.Fatal(err)
		}
		w.eventually("disk", func() bool { return w.read(a, "sectors") == "2048" })
		if w.becomes(a, store.StateInitWait); w.read(a, "info") != "5" {
			t.Errorf("info is %q, want that of a read-only CD", w.read(a, "info"))
		}
	}
	// The toolstack takes one away, empty; another turns out to be no drive.
	for i, kind := range []string{"cdrom", "disk"} {
		a := assignment(w.own, idc.DomID(600+i), 51728, "idcvbd", "", "r")
		a.BackKeys["device-type"] = "cdrom"
		if _, err := a.Make(t.Context(), w.c, a.BackDir()); err != nil {
			t.Fatal(err)
		}
		w.becomes(a, store.StateInitWait)
		if kind == "cdrom" {
			w.takeAway(a)
			continue
		}
		if err := w.c.Write(t.Context(), store.NoTx, a.BackDir()+"/device-type", kind); err != nil {
			t.Fatal(err)
		}
		w.becomes(a, store.StateInitialising)
		w.eventually("complaint", func() bool { return strings.Contains(w.read(a, "error"), "params is missing") })
	}
}

// takeAway takes a device away as libxl does, and waits for the back end's answer.
func (w *watching) takeAway(a *idc.Assignment) {
	w.t.Helper()
	for _, node := range [][2]string{{"online", "0"}, {"state", store.StateClosing.Value()}} {
		if err := w.c.Write(w.t.Context(), store.NoTx, a.BackDir()+"/"+node[0], node[1]); err != nil {
			w.t.Fatal(err)
		}
	}
	w.becomes(a, store.StateClosed)
}

// A disk that couldn't be served is taken away without a wait.
func TestWatchTakesBrokenAway(t *testing.T) {
	w := newWatching(t)
	a := w.assign(500, "none.img", "w")
	w.eventually("complaint", func() bool { return w.read(a, "error") != "" })
	w.takeAway(a)
}
