//go:build linux

package image

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/shm"
)

const mib = 1 << 20

func create(t *testing.T, size int64, opts Options) (*Image, string) {
	t.Helper()
	testenv.Leaks(t)
	path := filepath.Join(t.TempDir(), "image")
	if err := Create(path, size); err != nil {
		t.Fatal(err)
	}
	img, err := Open(path, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { img.Close() })
	return img, path
}

func TestReadBack(t *testing.T) {
	img, path := create(t, mib, Options{})
	src := rand.NewChaCha8([32]byte{1})
	data := make([]byte, 64<<10)
	src.Read(data)
	if err := img.WriteAt([][]byte{data[:512], data[512:5000], nil, data[5000:]}, 4096); err != nil {
		t.Fatal(err)
	}
	back := make([]byte, len(data))
	var parts [][]byte // more than one system call takes
	for rest := back; len(rest) > 0; rest = rest[32:] {
		parts = append(parts, rest[:32])
	}
	if err := img.ReadAt(parts, 4096); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(data, back) {
		t.Error("read something else than was written")
	}
	if err := img.Flush(); err != nil {
		t.Error(err)
	}
	file, _ := os.ReadFile(path)
	if !bytes.Equal(file[4096:4096+len(data)], data) {
		t.Error("the file holds something else")
	}
}

func TestBounds(t *testing.T) {
	img, _ := create(t, mib, Options{SectorSize: 4096})
	for _, tt := range []struct {
		off  int64
		n    int
		want error
	}{
		{0, 4096, nil}, {mib - 4096, 4096, nil}, {mib, 0, nil},
		{mib, 4096, ErrOutside}, {mib - 4096, 8192, ErrOutside}, {-4096, 4096, ErrOutside},
		{math.MaxInt64 - 4095, 4096, ErrOutside}, {math.MinInt64, 4096, ErrOutside}, {math.MaxInt64, 1, ErrOutside},
		{512, 4096, ErrUnaligned}, {0, 512, ErrUnaligned},
	} {
		buf := [][]byte{make([]byte, tt.n)}
		for what, err := range map[string]error{
			"read": img.ReadAt(buf, tt.off), "write": img.WriteAt(buf, tt.off), "discard": img.Discard(tt.off, int64(tt.n)),
		} {
			if !errors.Is(err, tt.want) {
				t.Errorf("%s %d at %d: %v, want %v", what, tt.n, tt.off, err, tt.want)
			}
		}
	}
	if err := img.Discard(4096, math.MaxInt64); !errors.Is(err, ErrOutside) {
		t.Errorf("discard nearly everything there is: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	img, path := create(t, mib, Options{})
	img.Close()
	os.Chmod(path, 0o400)
	img, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	for what, err := range map[string]error{
		"write": img.WriteAt([][]byte{make([]byte, 512)}, 0), "discard": img.Discard(0, 512),
	} {
		if !errors.Is(err, ErrReadOnly) || !errors.Is(err, syscall.EROFS) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := img.Flush(); err != nil {
		t.Errorf("flush: %v", err)
	}
}

func TestLock(t *testing.T) {
	img, path := create(t, mib, Options{})
	for _, opts := range []Options{{}, {ReadOnly: true}} {
		if _, err := Open(path, opts); !errors.Is(err, ErrInUse) {
			t.Errorf("second opening %+v: %v", opts, err)
		}
	}
	img.Close()
	one, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	two, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatalf("two readers: %v", err)
	}
	defer two.Close()
	if _, err := Open(path, Options{}); !errors.Is(err, ErrInUse) {
		t.Errorf("a writer beside readers: %v", err)
	}
}

func TestDiscardFreesBlocks(t *testing.T) {
	img, path := create(t, 4*mib, Options{})
	if !img.CanDiscard() {
		t.Fatal("the file system of the temporary directory can't punch holes; set TMPDIR to one that can")
	}
	full := bytes.Repeat([]byte{1}, 4*mib)
	if err := errors.Join(img.WriteAt([][]byte{full}, 0), img.Flush()); err != nil {
		t.Fatal(err)
	}
	before := blocks(t, path)
	if err := errors.Join(img.Discard(mib, 2*mib), img.Flush()); err != nil {
		t.Fatal(err)
	}
	if freed := before - blocks(t, path); freed < 2*mib/512 {
		t.Errorf("discarding 2 MiB freed %d blocks of 512 bytes", freed)
	}
	clear(full[mib : 3*mib])
	if file, _ := os.ReadFile(path); !bytes.Equal(file, full) {
		t.Error("the image has other contents or another size")
	}
}

func blocks(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Blocks)
}

func TestTruncatedBehindOurBack(t *testing.T) {
	img, path := create(t, mib, Options{})
	os.Truncate(path, 512)
	if err := img.ReadAt([][]byte{make([]byte, 4096)}, 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("read: %v", err)
	}
}

func TestOpenExplains(t *testing.T) {
	dir := t.TempDir()
	odd := filepath.Join(dir, "odd")
	os.WriteFile(odd, make([]byte, 1000), 0o600)
	empty := filepath.Join(dir, "empty")
	os.WriteFile(empty, nil, 0o600)
	pipe := filepath.Join(dir, "pipe")
	syscall.Mkfifo(pipe, 0o600)
	good := filepath.Join(dir, "good")
	if err := Create(good, 4096); err != nil {
		t.Fatal(err)
	}
	if err := Create(good, 4096); !errors.Is(err, os.ErrExist) {
		t.Errorf("creating it again: %v", err)
	}
	for _, tt := range []struct {
		path   string
		sector int
		want   string
	}{
		{filepath.Join(dir, "none"), 0, "truncate -s"}, {odd, 0, "truncate -s %512"}, {empty, 0, "at least"},
		{dir, 0, "directory"}, {pipe, 0, "block device"}, {"/dev/null", 0, "block device"}, {good, 1024, "512 or 4096"},
	} {
		if _, err := Open(tt.path, Options{SectorSize: tt.sector}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Open(%s): %v, want something with %q", tt.path, err, tt.want)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	img, _ := create(t, mib, Options{})
	bufs := [][]byte{make([]byte, 4096), make([]byte, 4096)}
	allocs := testing.AllocsPerRun(100, func() {
		if img.WriteAt(bufs, 8192) != nil || img.ReadAt(bufs, 8192) != nil {
			t.Fatal("I/O failed")
		}
	})
	if allocs != 0 {
		t.Errorf("a write and a read allocate %v times", allocs)
	}
}

// A disk grows and shrinks with its file, in whole sectors, and never to nothing.
func TestMeasure(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk")
	if err := Create(path, 8192); err != nil {
		t.Fatal(err)
	}
	img, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	for _, step := range []struct {
		file, disk int64
		changed    bool
		fails      bool
	}{
		{8192, 8192, false, false}, {16384, 16384, true, false}, {16900, 16896, true, false},
		{16897, 16896, false, false}, {100, 16896, false, true}, {512, 512, true, false},
	} {
		if err := os.Truncate(path, step.file); err != nil {
			t.Fatal(err)
		}
		changed, err := img.Measure()
		if changed != step.changed || (err != nil) != step.fails || img.Size() != step.disk {
			t.Errorf("file of %d bytes: %v, %v, a disk of %d", step.file, changed, err, img.Size())
		}
	}
	if err := img.ReadAt([][]byte{make([]byte, 512)}, 512); !errors.Is(err, ErrOutside) {
		t.Errorf("read beyond the new end: %v", err)
	}
}

// TestDirect goes past the page cache where that is possible, and serves what can't
// go there all the same.
func TestDirect(t *testing.T) {
	testenv.Leaks(t)
	const size = 1 << 20
	path := filepath.Join(t.TempDir(), "disk")
	if err := Create(path, size); err != nil {
		t.Fatal(err)
	}
	img, err := Open(path, Options{Direct: true})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	page := shm.Alloc(8192).Unstable()
	for i, buf := range [][]byte{page[:4096], page[512:1024], page[1:513], make([]byte, 3*512)} {
		for j := range buf {
			buf[j] = byte(i + 1)
		}
		want := bytes.Clone(buf)
		if err := img.WriteAt([][]byte{buf}, int64(i)*8192); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
		clear(buf)
		if err := img.ReadAt([][]byte{buf}, int64(i)*8192); err != nil || !bytes.Equal(buf, want) {
			t.Errorf("read %d: %v, or other bytes", i, err)
		}
	}
	whole, err := os.ReadFile(path) // through the cache
	if err != nil || whole[0] != 1 || whole[8192] != 2 || whole[3*8192] != 4 {
		t.Errorf("the file doesn't hold what was written: %v", err)
	}
}

// A file that somebody makes shorter isn't made longer again by what is written beyond
// its new end before that was noticed.
func TestTruncatedStaysShort(t *testing.T) {
	img, path := create(t, mib, Options{})
	if err := os.Truncate(path, mib/2); err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 8192)
	for _, off := range []int64{mib/2 - 4096, mib / 2, mib - 8192} {
		if err := img.WriteAt([][]byte{data}, off); !errors.Is(err, ErrOutside) {
			t.Errorf("a write at %d: %v", off, err)
		}
	}
	if err := img.WriteAt([][]byte{data}, mib/2-8192); err != nil {
		t.Error(err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Size() != mib/2 {
		t.Errorf("%v, %v", fi.Size(), err)
	}
}
