//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// read is the value of a node, or nothing.
func (s *stack) read(path string) string {
	for line := range strings.Lines(s.run("store", "ls", "/local")) {
		if v, ok := strings.CutPrefix(line, path+" = "); ok {
			return strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return ""
}

// attachNumbered attaches the disk of a number, for which the toolstack's nodes are made.
func (s *stack) attachNumbered(back int, vdev, params string, flags ...string) *process {
	return s.start(append([]string{
		"blk", "attach", "--backend", fmt.Sprint(back), "--vdev", vdev, "--params", params,
		"--nbd", "unix:" + filepath.Join(s.t.TempDir(), "nbd"),
	}, flags...)...)
}

// Several disks are served as toolstacks assign them: each fails alone, is tried again
// when its nodes change, grows, and goes.
func TestWatch(t *testing.T) {
	need(t, "nbdinfo")
	s, dir := newStack(t), t.TempDir()
	make := func(name string, bytes int64) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, bytes); err != nil {
			t.Fatal(err)
		}
	}
	make("a.img", 1<<20)
	serve := s.start("blk", "serve", "--watch", "--images", dir)
	if said := serve.ready(); said["directory"] != "/local/domain/1/backend/idcvbd" {
		t.Fatal(said)
	}
	bad := s.attachNumbered(1, "xvda", "missing.img") // domain 2
	node := "/local/domain/1/backend/idcvbd/2/51712"
	eventually(t, "an error in the store", func() bool { return strings.Contains(s.read(node+"/error"), "missing.img") })

	outside := s.attachNumbered(1, "xvda", "/etc/hostname", "--wait=1s") // domain 3
	eventually(t, "an error in the store", func() bool {
		return strings.Contains(s.read("/local/domain/1/backend/idcvbd/3/51712/error"), "outside")
	})
	outside.kill()

	good := s.attachNumbered(1, "xvdb", "raw:a.img", "--no-persistent", "--indirect=11", "--ring-page-order=0", "--abi=x86_32-abi")
	said := good.ready()
	if said["size"] != float64(1<<20) {
		t.Fatal(said)
	}
	if err := os.Truncate(filepath.Join(dir, "a.img"), 3<<20); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new size", func() bool {
		return strings.TrimSpace(run(t, "nbdinfo", "--size", said["uri"].(string))) == fmt.Sprint(3<<20)
	})

	make("missing.img", 2<<20)
	s.run("store", "write", node+"/params", "./missing.img")
	if said := bad.ready(); said["size"] != float64(2<<20) {
		t.Fatal(said)
	}
	bad.stop()
	good.stop()
	eventually(t, "the disks' end", func() bool {
		left := s.run("store", "ls", "/local")
		return !strings.Contains(left, "idcvbd/2/") && !strings.Contains(left, "idcvbd/4/")
	})
}

// A disk is made for a domain that is there already, taken away again, and its front
// end told.
func TestServeToDomain(t *testing.T) {
	s := newStack(t)
	img := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(img, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := s.start("blk", "serve", "--domain=2", "--vdev=51712", img) // domain 1; 2 comes next
	said := serve.ready()
	if said["front"] != 2.0 || said["vdev"] != 51712.0 {
		t.Fatal(said)
	}
	attach := s.start("blk", "attach", "--backend=1", "--vdev=xvda", "--nbd", "unix:"+filepath.Join(t.TempDir(), "nbd"))
	if said := attach.ready(); said["size"] != float64(1<<20) {
		t.Fatal(said)
	}
	serve.stop()
	if left := s.run("store", "ls", "/local/domain"); strings.Contains(left, "vbd") {
		t.Errorf("left in the store: %s", left)
	}
}

// A server of one domain's disk ends with the domain, and leaves the image to others.
func TestServeEndsWithItsDomain(t *testing.T) {
	s, img := newStack(t), filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(img, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := s.start("blk", "serve", "--domain=2", "--vdev=xvda", img) // domain 1
	serve.ready()
	attach := s.attachNumbered(1, "xvda", img) // domain 2
	attach.ready()
	attach.kill()
	select {
	case <-serve.exited:
		if serve.err != nil {
			t.Errorf("it ended with %v\n%s", serve.err, serve.logged())
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it goes on")
	}
	s.start("blk", "serve", "--name=again", img).ready()
}

// An image that is served is refused under each of its names, unless it is to be shared.
func TestSharedImage(t *testing.T) {
	need(t, "nbdinfo")
	s, img := newStack(t), newImage(t, 1<<20)
	hard := img + ".hard"
	if err := os.Link(img, hard); err != nil {
		t.Fatal(err)
	}
	s.start("blk", "serve", "--name=one", img).ready()
	for _, flags := range [][]string{nil, {"--read-only"}} {
		args := append([]string{"--platform=host:" + s.socket, "blk", "serve", "--name=two", hard}, flags...)
		if out, err := try(t, idcPath, args...); err == nil || !strings.Contains(out, "in use") || !strings.Contains(out, "--shared") {
			t.Errorf("served twice %v: %v, %s", flags, err, out)
		}
	}
	s.start("blk", "serve", "--name=two", "--shared", hard).ready()
	_, uri := s.attach("two")
	run(t, "nbdinfo", uri)
}
