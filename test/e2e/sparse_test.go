//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A sparse disk stays one, whichever way it is copied: what is a hole is neither read
// nor written, and zeros take no storage.

// allocation asks nbdinfo for the map of a disk: where its data is.
func allocation(t *testing.T, uri string) (data []string) {
	t.Helper()
	var list []struct {
		Offset, Length int64
		Type           int
	}
	out := run(t, "nbdinfo", "--map", "--json", uri)
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatalf("nbdinfo --map: %v\n%s", err, out)
	}
	for _, e := range list {
		switch e.Type {
		case 0:
			data = append(data, fmt.Sprintf("%d+%d", e.Offset, e.Length))
		case 3: // a hole of zeros
		default:
			t.Errorf("nbdinfo --map tells type %d of %d bytes at %d", e.Type, e.Length, e.Offset)
		}
	}
	return data
}

func TestNbdinfoMap(t *testing.T) {
	need(t, "nbdinfo", "qemu-img", "qemu-io")
	sectorSizes(t, func(t *testing.T, flags ...string) {
		image := newImage(t, 1024*mib)
		fill(t, image, 4*mib, mib)
		fill(t, image, 900*mib, 2*mib)
		d := attach(t, image, flags...)
		check := func(want ...string) {
			t.Helper()
			if got := allocation(t, d.uri); !slices.Equal(got, want) {
				t.Errorf("data is at %v, want %v", got, want)
			}
		}
		check("4194304+1048576", "943718400+2097152")
		qemuIO(t, d.uri, "write -P 5 100M 64k", "write -z -u 900M 1M", "discard 4M 1M")
		check("104857600+65536", "944766976+1048576")
		qemuIO(t, d.uri, "write -z 200M 128k") // its storage is to stay
		check("104857600+65536", "209715200+131072", "944766976+1048576")
		if out := run(t, "qemu-img", "map", "-f", "raw", "--output=json", d.uri); strings.Count(out, `"data": true`) != 3 {
			t.Errorf("qemu-img map: %s", out)
		}
		var info struct {
			Exports []struct {
				Contexts []string `json:"contexts"`
				DF       bool     `json:"can_df"`
				FastZero bool     `json:"can_fast_zero"`
			} `json:"exports"`
		}
		out := run(t, "nbdinfo", "--json", d.uri)
		if err := json.Unmarshal([]byte(out), &info); err != nil || len(info.Exports) != 1 {
			t.Fatalf("nbdinfo: %v\n%s", err, out)
		}
		if e := info.Exports[0]; !e.DF || !e.FastZero || !slices.Equal(e.Contexts, []string{"base:allocation"}) {
			t.Errorf("nbdinfo says %+v", e)
		}
	})
}

// TestSparseCopies copies there and back with each client, over data that has to go.
func TestSparseCopies(t *testing.T) {
	need(t, "nbdcopy", "qemu-img")
	source := newImage(t, 512*mib)
	fill(t, source, 17*mib, 3*mib)
	fill(t, source, 300*mib+4096, mib)
	want := checksum(t, source)
	for name, copies := range map[string]func(t *testing.T, from, to string){
		"nbdcopy": func(t *testing.T, from, to string) { run(t, "nbdcopy", "--flush", from, to) },
		"qemu-img": func(t *testing.T, from, to string) {
			run(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", from, to)
		},
	} {
		t.Run(name, func(t *testing.T) {
			image := newImage(t, 512*mib)
			fill(t, image, 0, 8*mib)
			fill(t, image, 18*mib, 60*mib)
			d := attach(t, image)
			copies(t, source, d.uri)
			if n := storage(t, image); n > 8*mib {
				t.Errorf("the image takes %d bytes", n)
			}
			back := newImage(t, 512*mib)
			copies(t, d.uri, back)
			if n := storage(t, back); n > 8*mib {
				t.Errorf("the copy takes %d bytes", n)
			}
			d.stop()
			if checksum(t, image) != want || checksum(t, back) != want {
				t.Error("image or copy differ")
			}
		})
	}
}

// TestZeroesWithoutHoles zeroes where the server frees nothing: then zeros are written.
func TestZeroesWithoutHoles(t *testing.T) {
	need(t, "nbdinfo", "qemu-io")
	image := newImage(t, 16*mib)
	fill(t, image, 0, 16*mib)
	d := attach(t, image, "--no-discard")
	qemuIO(t, d.uri, "write -z -u 4M 4M", "read -P 0 4M 4M", "write -z -u 1000001 77777", "read -P 0 1000001 77777")
	if got := allocation(t, d.uri); !slices.Equal(got, []string{"0+16777216"}) {
		t.Errorf("data is at %v", got)
	}
	if out := run(t, "nbdinfo", "--json", d.uri); !strings.Contains(out, `"can_fast_zero": false`) {
		t.Errorf("nbdinfo: %s", out)
	}
}

// TestFuseHoles looks for holes through nbdfuse, and zeroes through it.
func TestFuseHoles(t *testing.T) {
	need(t, "nbdfuse", "nbdinfo", "fallocate")
	if f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0); err != nil {
		missing(t, "FUSE can't be used here: %v", err)
	} else {
		f.Close()
	}
	image := newImage(t, 64*mib)
	fill(t, image, 0, 64*mib)
	d := attach(t, image)
	file, unmount := mountFile(t, d)
	run(t, "fallocate", "--punch-hole", "--offset", fmt.Sprint(8*mib), "--length", fmt.Sprint(32*mib), file)
	unmount()
	if got := allocation(t, d.uri); !slices.Equal(got, []string{"0+8388608", "41943040+25165824"}) {
		t.Errorf("data is at %v", got)
	}
}

// TestOddSizes serves images that end within a sector, to be read to the last byte.
func TestOddSizes(t *testing.T) {
	need(t, "nbdinfo", "nbdcopy", "qemu-img")
	for _, size := range []int64{1, 511, 1000003, 4*mib + 1} {
		image := randomFile(t, size)
		s := newStack(t)
		if out, err := try(t, idcPath, "--platform=host:"+s.socket, "blk", "serve", "--name=disk", image); err == nil || !strings.Contains(out, "truncate") {
			t.Errorf("%d bytes, to be written to: %v, %s", size, err, out)
		}
		s.start("blk", "serve", "--name=disk", "--read-only", image).ready()
		p, uri := s.attach("disk")
		if got := strings.TrimSpace(run(t, "nbdinfo", "--size", uri)); got != fmt.Sprint(size) {
			t.Errorf("%d bytes are %s for nbdinfo", size, got)
		}
		back := filepath.Join(t.TempDir(), "back")
		run(t, "nbdcopy", uri, back)
		if checksum(t, back) != checksum(t, image) {
			t.Errorf("%d bytes: the copy differs", size)
		}
		run(t, "nbdinfo", "--map", uri)
		p.stop()
	}
}

// TestFormats refuses what qemu-img makes, but for raw images, unless it is meant.
func TestFormats(t *testing.T) {
	need(t, "qemu-img", "nbdcopy")
	s, dir := newStack(t), t.TempDir()
	for _, format := range []string{"qcow2", "qcow", "qed", "vpc", "vpc,subformat=fixed", "vhdx", "vmdk", "vdi", "parallels"} {
		kind, more, _ := strings.Cut(format, ",")
		path := filepath.Join(dir, format)
		args := []string{"create", "-q", "-f", kind, path, "16M"}
		if more != "" {
			args = slices.Insert(args, 4, "-o", more)
		}
		if out, err := try(t, "qemu-img", args...); err != nil {
			t.Fatalf("qemu-img %v: %v: %s", args, err, out)
		}
		out, err := try(t, idcPath, "--platform=host:"+s.socket, "blk", "serve", "--name=disk", "--read-only", path)
		if err == nil || !strings.Contains(out, "--format raw") {
			t.Errorf("%s: %v, %s", format, err, out)
		}
		serve := s.start("blk", "serve", "--name=disk", "--read-only", "--format=raw", path)
		serve.ready()
		p, uri := s.attach("disk")
		back := filepath.Join(t.TempDir(), "back")
		run(t, "nbdcopy", uri, back)
		if checksum(t, back) != checksum(t, path) {
			t.Errorf("%s, served as it is, differs", format)
		}
		p.stop()
		serve.stop()
	}
}
