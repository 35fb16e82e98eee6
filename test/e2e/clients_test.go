//go:build linux

package e2e

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const mib = 1 << 20

// sectorSizes runs a test for a disk of each sector size.
func sectorSizes(t *testing.T, test func(t *testing.T, flags ...string)) {
	for _, size := range []string{"512", "4096"} {
		t.Run(size, func(t *testing.T) { test(t, "--sector-size="+size) })
	}
}

func TestNbdinfo(t *testing.T) {
	need(t, "nbdinfo")
	image := newImage(t, 64*mib)
	d := attach(t, image)
	var info struct {
		Exports []struct {
			Name       string `json:"export-name"`
			Size       int64  `json:"export-size"`
			ReadOnly   bool   `json:"is_read_only"`
			CanFlush   bool   `json:"can_flush"`
			CanFUA     bool   `json:"can_fua"`
			CanTrim    bool   `json:"can_trim"`
			CanZero    bool   `json:"can_zero"`
			MultiConn  bool   `json:"can_multi_conn"`
			BlockMin   int64  `json:"block_size_minimum"`
			BlockPref  int64  `json:"block_size_preferred"`
			BlockLimit int64  `json:"block_size_maximum"`
		} `json:"exports"`
	}
	for _, args := range [][]string{{"--json", d.uri}, {"--list", "--json", d.uri}} {
		out := run(t, "nbdinfo", args...)
		if err := json.Unmarshal([]byte(out), &info); err != nil || len(info.Exports) != 1 {
			t.Fatalf("nbdinfo %v: %v\n%s", args, err, out)
		}
		e := info.Exports[0]
		if e.Size != 64*mib || e.ReadOnly || !e.CanFlush || !e.CanFUA || !e.CanTrim || !e.CanZero || !e.MultiConn {
			t.Errorf("nbdinfo %v says %+v", args, e)
		}
		if e.BlockMin != 1 || e.BlockPref != 4096 || e.BlockLimit != mib {
			t.Errorf("nbdinfo %v says of block sizes %+v", args, e)
		}
	}
	if info.Exports[0].Name != d.name {
		t.Errorf("the export is called %q, want %q", info.Exports[0].Name, d.name)
	}
}

// TestNbdcopy copies random data there and back, on several connections at once.
func TestNbdcopy(t *testing.T) {
	need(t, "nbdcopy")
	sectorSizes(t, func(t *testing.T, flags ...string) {
		source := randomFile(t, 96*mib)
		image := newImage(t, 96*mib)
		d := attach(t, image, flags...)
		run(t, "nbdcopy", "--flush", source, d.uri)
		back := filepath.Join(t.TempDir(), "back")
		run(t, "nbdcopy", d.uri, back)
		d.stop()
		want := checksum(t, source)
		if got := checksum(t, back); got != want {
			t.Error("what was copied back differs")
		}
		if got := checksum(t, image); got != want {
			t.Error("the image differs")
		}
	})
}

// TestQemuImg converts a sparse image, which makes qemu-img use WRITE_ZEROES, and
// compares.
func TestQemuImg(t *testing.T) {
	need(t, "qemu-img")
	sectorSizes(t, func(t *testing.T, flags ...string) {
		source := newImage(t, 64*mib)
		fill(t, source, 3*mib, 20*mib)
		fill(t, source, 40*mib+4096, 5*mib)
		image := newImage(t, 64*mib)
		fill(t, image, 0, 64*mib) // so that zeros matter
		d := attach(t, image, flags...)
		run(t, "qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", source, d.uri)
		out := run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", source, d.uri)
		if !strings.Contains(out, "Images are identical.") {
			t.Errorf("qemu-img compare: %s", out)
		}
		d.stop()
		run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", source, image)
	})
}

// TestQemuIO writes and reads patterns at odd offsets and lengths.
func TestQemuIO(t *testing.T) {
	need(t, "qemu-io")
	sectorSizes(t, func(t *testing.T, flags ...string) {
		d := attach(t, newImage(t, 32*mib), flags...)
		qemuIO(t, d.uri,
			"write -P 0xa5 1 511", "write -P 0x5a 513 1", "write -P 0x11 4095 2",
			"read -P 0xa5 1 511", "read -P 0x5a 513 1", "read -P 0x11 4095 2",
			"read -P 0 0 1", "read -P 0 512 1", "read -P 0 514 3581", "read -P 0 4097 4095",
			"write -P 0x33 1000003 3000017", "read -P 0x33 1000003 3000017", "read -P 0 1000002 1", "read -P 0 4000020 1",
			"write -z 1000103 777777", "read -P 0 1000103 777777", "read -P 0x33 1000003 100", "read -P 0x33 1777880 2222140",
			"aio_write -P 0x44 7 700", "aio_write -P 0x55 707 1", "aio_write -P 0x66 708 9000", "aio_flush",
			"read -P 0x44 7 700", "read -P 0x55 707 1", "read -P 0x66 708 9000",
			"write -f -P 0x77 33554431 1", "flush", "read -P 0x77 33554431 1",
			"writev -P 0x88 20000001 13 4097 511", "read -P 0x88 20000001 4621",
		)
	})
}

// TestFio verifies random requests of mixed sizes and alignments.
func TestFio(t *testing.T) {
	need(t, "fio")
	if out, err := try(t, "fio", "--enghelp=nbd"); err != nil || !strings.Contains(out, "uri") {
		missing(t, "this fio has no nbd engine; Debian's has: apt-get install fio")
	}
	sectorSizes(t, func(t *testing.T, flags ...string) {
		d := attach(t, newImage(t, 128*mib), flags...)
		fioVerify(t, d.uri, "--rw=randrw", "--bsrange=512-256k", "--bs_unaligned=0", "--blockalign=512")
		fioVerify(t, d.uri, "--rw=randwrite", "--bsrange=1k-64k", "--bs_unaligned=1", "--iodepth=64")
		fioVerify(t, d.uri, "--rw=write", "--bs=1m", "--iodepth=8")
	})
}

// fioVerify has fio write with checksums, and read and check them afterwards.
func fioVerify(t *testing.T, uri string, args ...string) {
	t.Helper()
	run(t, "fio", append([]string{"--name=verify", "--ioengine=nbd", "--uri=" + uri, "--size=64m", "--iodepth=32",
		"--verify=crc32c", "--do_verify=1", "--verify_fatal=1", "--randseed=7", "--fsync=64"}, args...)...)
}

func TestReadOnly(t *testing.T) {
	need(t, "nbdinfo", "qemu-io", "qemu-img")
	image := newImage(t, 16*mib)
	fill(t, image, 0, 16*mib)
	before := checksum(t, image)
	d := attach(t, image, "--read-only")
	if out := run(t, "nbdinfo", d.uri); !strings.Contains(out, "is_read_only: true") {
		t.Errorf("nbdinfo doesn't say read-only:\n%s", out)
	}
	if out, err := try(t, "qemu-io", "-f", "raw", "-c", "write 0 512", d.uri); err == nil {
		t.Errorf("qemu-io wrote to a read-only disk:\n%s", out)
	}
	run(t, "qemu-img", "compare", "-f", "raw", "-F", "raw", image, d.uri)
	if checksum(t, image) != before {
		t.Error("the image changed")
	}
}

// TestDiscard looks at how much storage the image takes before and after.
func TestDiscard(t *testing.T) {
	need(t, "qemu-io")
	sectorSizes(t, func(t *testing.T, flags ...string) {
		image := newImage(t, 64*mib)
		fill(t, image, 0, 64*mib)
		d := attach(t, image, flags...)
		before := storage(t, image)
		qemuIO(t, d.uri, "discard 8M 32M", "read 0 64M", "flush")
		// A hole in the middle may cost the file system a block to write down where it is.
		if freed := before - storage(t, image); freed < 31*mib {
			t.Errorf("discarding 32 MiB freed %d bytes", freed)
		}
		qemuIO(t, d.uri, "write -P 9 10M 1M", "read -P 9 10M 1M")
	})
}

// qemuIO runs commands of qemu-io. A pattern that doesn't verify fails the test.
func qemuIO(t *testing.T, uri string, commands ...string) {
	t.Helper()
	args := []string{"-f", "raw", "-d", "unmap"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	out := run(t, "qemu-io", append(args, uri)...)
	if strings.Contains(out, "verification failed") || strings.Contains(out, "failed:") {
		t.Errorf("qemu-io: %s", out)
	}
}

// newImage makes a sparse file of zeros.
func newImage(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	return path
}

// randomFile makes a file of random bytes, the same every time.
func randomFile(t *testing.T, size int64) string {
	t.Helper()
	path := newImage(t, size)
	fill(t, path, 0, size)
	return path
}

// fill writes n random bytes into a file at off.
func fill(t *testing.T, path string, off, n int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	src := rand.NewChaCha8([32]byte{byte(off)})
	if _, err := io.CopyN(io.NewOffsetWriter(f, off), src, n); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

func checksum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil))
}

// storage returns how many bytes of storage a file takes.
func storage(t *testing.T, path string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Blocks) * 512
}

// TestVanishedWriter has clients killed while their large writes are under way at a
// back end that is stopped, then others write parts of the same bytes. What was
// answered stays: nothing of the killed clients comes after it.
func TestVanishedWriter(t *testing.T) {
	need(t, "qemu-io")
	d := attach(t, newImage(t, 8*mib))
	serve, uri := d.serve, d.uri
	for round := range 6 {
		old, fresh := fmt.Sprintf("0x%02x", 0x10+round), fmt.Sprintf("0x%02x", 0x80+round)
		serve.cmd.Process.Signal(syscall.SIGSTOP)
		var writes []string
		for range 8 {
			writes = append(writes, "aio_write -P "+old+" 0 1M")
		}
		vanished := startQemuIO(t, uri, append(writes, "sleep 60000")...)
		time.Sleep(100 * time.Millisecond) // sent, on most machines; where not, the round shows nothing
		vanished.Process.Kill()
		vanished.Wait()
		later := startQemuIO(t, uri, "write -P "+fresh+" 1044480 4096", "write -P "+fresh+" 700000 3")
		time.Sleep(20 * time.Millisecond)
		serve.cmd.Process.Signal(syscall.SIGCONT)
		if err := later.Wait(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Millisecond)
		qemuIO(t, uri, "read -P "+fresh+" 1044480 4096", "read -P "+fresh+" 700000 3")
	}
}

// startQemuIO starts qemu-io with commands on an image and doesn't wait for it.
func startQemuIO(t *testing.T, uri string, commands ...string) *exec.Cmd {
	t.Helper()
	args := []string{"-f", "raw"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	cmd := exec.Command("qemu-io", append(args, uri)...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}
