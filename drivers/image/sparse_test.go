//go:build linux

package image

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// extents tells what an image says of itself: D or H, and a number of sectors.
func extents(t *testing.T, img *Image, off int64, most int) string {
	t.Helper()
	list := make([]Extent, most)
	n, err := img.Extents(list, off)
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, e := range list[:n] {
		kind := "D"
		if e.Hole {
			kind = "H"
		}
		words = append(words, fmt.Sprint(kind, e.Len/int64(img.SectorSize())))
	}
	return strings.Join(words, " ")
}

func TestExtents(t *testing.T) {
	img, path := create(t, mib, Options{SectorSize: 4096})
	if !img.CanExtents() {
		t.Fatal("this file system knows no holes")
	}
	write := func(sector, n int64) {
		if err := img.WriteAt([][]byte{bytes.Repeat([]byte{1}, int(n*4096))}, sector*4096); err != nil {
			t.Fatal(err)
		}
	}
	check := func(off int64, most int, want string) {
		t.Helper()
		if got := extents(t, img, off*4096, most); got != want {
			t.Errorf("from sector %d: %s, want %s", off, got, want)
		}
	}
	check(0, 10, "H256")
	check(256, 10, "")
	write(0, 2)
	write(100, 50)
	write(255, 1)
	check(0, 10, "D2 H98 D50 H105 D1")
	check(1, 10, "D1 H98 D50 H105 D1")
	check(50, 10, "H50 D50 H105 D1")
	check(0, 2, "D2 H98")
	check(0, 0, "")
	if err := img.Discard(110*4096, 30*4096); err != nil {
		t.Fatal(err)
	}
	check(100, 10, "D10 H30 D10 H105 D1")
	zeros := make([]byte, 30*4096)
	if err := img.ReadAt([][]byte{zeros}, 110*4096); err != nil || !img.DiscardZeroes() || slices.Max(zeros) != 0 {
		t.Errorf("what was discarded holds data: %v", err)
	}
	if err := img.Discard(0, mib); err != nil {
		t.Fatal(err)
	}
	check(0, 10, "H256")
	os.Truncate(path, 100*4096)
	check(50, 10, "D206") // reads tell what is wrong
	if _, err := img.Extents(make([]Extent, 1), 100); err == nil {
		t.Error("extents from within a sector")
	}
	if _, err := img.Extents(make([]Extent, 1), 2*mib); err == nil {
		t.Error("extents from behind the end")
	}
	list := make([]Extent, 10)
	if n := testing.AllocsPerRun(100, func() { img.Extents(list, 0) }); n != 0 {
		t.Errorf("Extents allocates %v times", n)
	}
}

// TestSmallHoles has holes and data that fill no sector: a sector that holds a byte is
// kept.
func TestSmallHoles(t *testing.T) {
	img, path := create(t, 64<<10, Options{})
	img.Close()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{4096, 20480, 28672} {
		if _, err := f.WriteAt(bytes.Repeat([]byte{7}, 4096), off); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	if img, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	img.sector = 16384 // larger than anybody's, so that blocks of the file system are parts of it
	if got := extents(t, img, 0, 10); got != "D2 H2" {
		t.Errorf("extents %s", got)
	}
}
