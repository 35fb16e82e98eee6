//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestServerDies kills the serving process, or ends it politely, several times while a client copies. The client must notice nothing but a pause.
func TestServerDies(t *testing.T) {
	need(t, "nbdcopy")
	for _, end := range []struct {
		name string
		how  func(p *process)
	}{{"SIGKILL", (*process).kill}, {"SIGTERM", (*process).stop}} {
		t.Run(end.name, func(t *testing.T) {
			source, image := randomFile(t, 384*mib), newImage(t, 384*mib)
			s := newStack(t)
			serve := s.start("blk", "serve", "--name=disk", image)
			serve.ready()
			_, uri := s.attach("disk")
			copied := make(chan error, 1)
			go func() {
				_, err := try(t, "nbdcopy", "--requests=8", "--request-size=65536", source, uri)
				copied <- err
			}()
			deaths := 0
			for over := false; !over; {
				select {
				case err := <-copied:
					if over = true; err != nil {
						t.Fatalf("nbdcopy: %v", err)
					}
				case <-time.After(150 * time.Millisecond):
					if deaths == 5 {
						continue
					}
					end.how(serve)
					serve = s.start("blk", "serve", "--name=disk", image)
					serve.ready()
					deaths++
				}
			}
			if deaths == 0 {
				t.Fatal("the copy was over before the server could die")
			}
			back := filepath.Join(t.TempDir(), "back")
			run(t, "nbdcopy", uri, back)
			if checksum(t, back) != checksum(t, source) || checksum(t, image) != checksum(t, source) {
				t.Errorf("the disk differs from what was copied to it, after %d deaths", deaths)
			}
		})
	}
}

// TestTwoDisks has one process serve two disks to two front ends under load. One of
// those is killed; the other's client must not notice, and the killed one's disk can
// be attached again.
func TestTwoDisks(t *testing.T) {
	need(t, "fio", "nbdcopy")
	s := newStack(t)
	one, two := newImage(t, 128*mib), newImage(t, 128*mib)
	serve := s.start("blk", "serve", "one="+one, "two="+two)
	serve.ready()
	serve.ready()
	victim, uriOne := s.attach("one")
	_, uriTwo := s.attach("two")
	var load sync.WaitGroup
	load.Go(func() {
		try(t, "fio", "--name=doomed", "--ioengine=nbd", "--uri="+uriOne, "--rw=randrw", "--size=64m", "--time_based", "--runtime=20")
	})
	time.AfterFunc(300*time.Millisecond, victim.kill)
	for range 3 {
		fioVerify(t, uriTwo, "--rw=randrw", "--bsrange=512-128k", "--blockalign=512")
	}
	load.Wait()
	_, uriOne = s.attach("one")
	source := randomFile(t, 128*mib)
	run(t, "nbdcopy", source, uriOne)
	back := filepath.Join(t.TempDir(), "back")
	run(t, "nbdcopy", uriOne, back)
	if checksum(t, back) != checksum(t, source) {
		t.Error("the disk whose front end was killed holds something else than was written later")
	}
}

// TestFrontWaits attaches before there is a server.
func TestFrontWaits(t *testing.T) {
	need(t, "nbdinfo")
	s := newStack(t)
	sock := filepath.Join(t.TempDir(), "nbd")
	early := s.start("blk", "attach", "--name=late", "--nbd=unix:"+sock)
	time.Sleep(200 * time.Millisecond)
	s.start("blk", "serve", "late="+newImage(t, 8*mib)).ready()
	uri, _ := early.ready()["uri"].(string)
	run(t, "nbdinfo", uri)
}

// TestCleanShutdown ends everything under load, in either order, and looks for what is
// left. What a client was told is written must be in the image.
func TestCleanShutdown(t *testing.T) {
	need(t, "fio", "qemu-io")
	for _, first := range []string{"serve", "attach"} {
		t.Run(first+" first", func(t *testing.T) {
			shm := names(t, "/dev/shm")
			s := newStack(t)
			empty := s.nodes()
			image := newImage(t, 64*mib)
			serve := s.start("blk", "serve", "--name=disk", image)
			serve.ready()
			front, uri := s.attach("disk")
			qemuIO(t, uri, "write -P 0x5c 48M 1M")
			loaded := make(chan struct{})
			go func() {
				defer close(loaded)
				try(t, "fio", "--name=load", "--ioengine=nbd", "--uri="+uri, "--rw=randrw", "--bs=4k", "--iodepth=32", "--size=32m", "--time_based", "--runtime=60")
			}()
			time.Sleep(300 * time.Millisecond)
			if first == "serve" {
				serve.stop()
			}
			front.stop()
			serve.stop()
			<-loaded
			run(t, "qemu-io", "-f", "raw", "-r", "-c", "read -P 0x5c 48M 1M", image)
			if left := s.nodes(); !slices.Equal(left, empty) {
				t.Errorf("left in the store: %q, before: %q", left, empty)
			}
			if left := names(t, "/dev/shm"); !slices.Equal(left, shm) {
				t.Errorf("in /dev/shm: %q, before: %q", left, shm)
			}
			if _, err := os.Stat(strings.TrimPrefix(uri, "nbd+unix:///disk?socket=")); err == nil {
				t.Error("the NBD socket is still there")
			}
			s.broker.stop()
			if left := names(t, filepath.Dir(s.socket)); slices.Contains(left, "broker.sock") || slices.Contains(left, "broker.sock.domains") {
				t.Errorf("the broker left %q", left)
			}
		})
	}
}

// nodes lists the store's nodes.
func (s *stack) nodes() []string {
	s.t.Helper()
	var paths []string
	for line := range strings.Lines(s.run("--json", "store", "ls", "/")) {
		var n struct{ Path string }
		if err := json.Unmarshal([]byte(line), &n); err != nil {
			s.t.Fatal(err)
		}
		paths = append(paths, n.Path)
	}
	return paths
}

// names lists a directory.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestBrokerDies kills the broker and starts another: a disk that has a name is there
// again by itself, and what was read and written meanwhile waits for that.
func TestBrokerDies(t *testing.T) {
	need(t, "nbdcopy")
	s := newStack(t)
	source, image := randomFile(t, 64*mib), newImage(t, 64*mib)
	s.start("blk", "serve", "--name=disk", image).ready()
	_, uri := s.attach("disk")
	for range 3 {
		copied := make(chan error, 1)
		go func() {
			_, err := try(t, "nbdcopy", "--requests=8", "--request-size=65536", source, uri)
			copied <- err
		}()
		time.Sleep(20 * time.Millisecond)
		s.broker.kill()
		s.startBroker()
		if err := <-copied; err != nil {
			t.Fatalf("nbdcopy: %v", err)
		}
	}
	if checksum(t, image) != checksum(t, source) {
		t.Error("the disk differs from what was copied to it")
	}
}

// TestBrokerOfNumberedDisksDies kills the broker: the disks that a toolstack made are gone
// with it, so who has them ends, and says why.
func TestBrokerOfNumberedDisksDies(t *testing.T) {
	s := newStack(t)
	serve := s.start("blk", "serve", "--watch")
	serve.ready()
	attached := s.attachNumbered(1, "xvda", newImage(t, mib))
	attached.ready()
	s.broker.kill()
	for _, p := range []*process{serve, attached} {
		p.once.Do(func() {}) // it ends by itself
		select {
		case <-p.exited:
			if p.err == nil || !strings.Contains(p.logged(), "the broker has ended") {
				t.Errorf("idc %s: %v\n%s", p.name, p.err, p.logged())
			}
		case <-time.After(20 * time.Second):
			p.cmd.Process.Signal(syscall.SIGQUIT)
			<-p.exited
			t.Errorf("idc %s is still there\n%s", p.name, p.logged())
		}
	}
}

// TestDemo runs the demonstration.
func TestDemo(t *testing.T) {
	shm := names(t, "/dev/shm")
	start := time.Now()
	out := run(t, idcPath, "--json", "demo", "--size=64M")
	if took := time.Since(start); took > time.Minute && !raceEnabled {
		t.Errorf("it took %v", took)
	}
	var report struct {
		OK     bool
		Blocks int64
		Phases []struct{ Requests int64 }
		Kills  []struct {
			Pause float64 `json:"pause_ms"`
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !report.OK || report.Blocks != 64*mib/4096 || len(report.Phases) != 5 || len(report.Kills) != 2 {
		t.Errorf("the demo reports %s", out)
	}
	if left := names(t, "/dev/shm"); !slices.Equal(left, shm) {
		t.Errorf("in /dev/shm: %q, before: %q", left, shm)
	}
}

// TestXenstoreTools looks at the broker's store with Xen's own tools while a disk is
// attached.
func TestXenstoreTools(t *testing.T) {
	need(t, "xenstore-ls")
	s := newStack(t)
	s.start("blk", "serve", "--name=disk", newImage(t, mib)).ready()
	s.attach("disk")
	t.Setenv("XENSTORED_PATH", s.socket)
	out := run(t, "xenstore-ls", "-f", "/local/domain")
	for _, want := range []string{`/sector-size = "512"`, `/sectors = "2048"`, `/state = "4"`, `/protocol = "`} {
		if !strings.Contains(out, want) {
			t.Errorf("xenstore-ls doesn't show %s:\n%s", want, out)
		}
	}
}
