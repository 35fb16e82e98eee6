//go:build linux

package blkback_test

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
)

// told asks for extents and returns them: D or H, and a number of sectors of 512 bytes.
func told(t *testing.T, f *blk.Front, at blk.Sectors, bytes int) string {
	t.Helper()
	page := make([]byte, bytes)
	status, err := f.Extents(t.Context(), at, page)
	expect(t, "extents", status, err, blk.StatusOkay)
	var words []string
	for ; len(page) > 0; page = page[8:] {
		switch v := binary.LittleEndian.Uint64(page); v >> 62 {
		case 0:
			if v == 0 {
				return strings.Join(words, " ")
			}
			words = append(words, fmt.Sprint("D", v))
		case 3:
			words = append(words, fmt.Sprint("H", v&(1<<62-1)))
		default:
			t.Errorf("an extent of %#x", v)
		}
	}
	return strings.Join(words, " ")
}

func TestExtents(t *testing.T) {
	w := newWorld(t)
	w.serve("disk", random(diskSize, 1), image.Options{})
	f, ctx := w.open("disk"), t.Context()
	if k := f.Back(); !k.FeatureXenidcExtents || !k.XenidcDiscardZeroes || k.XenidcBytes != 0 || k.DiscardGranularity < 512 {
		t.Fatalf("the disk describes itself as %+v", k)
	}
	status, err := f.Discard(ctx, 2048, 2048, 0)
	expect(t, "discard", status, err, blk.StatusOkay)
	for at, want := range map[blk.Sectors]string{0: "D2048 H2048 D4096", 2047: "D1 H2048 D4096", 3000: "H1096 D4096", 8191: "D1", 8192: ""} {
		if got := told(t, f, at, 4096); got != want {
			t.Errorf("from sector %d: %s, want %s", at, got, want)
		}
	}
	for _, at := range []blk.Sectors{8193, 1 << 54, 1 << 63} {
		status, err := f.Extents(ctx, at, make([]byte, 512))
		expect(t, "extents", status, err, blk.StatusError)
	}
	// As many as a page holds, and as are asked for.
	for i := range blk.Sectors(511) {
		status, err := f.Discard(ctx, 16*i, 8, 0)
		expect(t, "discard", status, err, blk.StatusOkay)
	}
	if got := strings.Count(told(t, f, 0, 512), " "); got != 63 {
		t.Errorf("%d extents in 512 bytes", got+1)
	}
	if got := strings.Count(told(t, f, 0, 8192), " "); got != 511 {
		t.Errorf("%d extents in two pages", got+1)
	}
}

func TestOddSize(t *testing.T) {
	w := newWorld(t)
	contents := random(1000, 1)
	w.serve("disk", contents, image.Options{ReadOnly: true})
	f := w.open("disk")
	if k := f.Back(); k.Sectors != 2 || k.XenidcBytes != 1000 {
		t.Errorf("the disk describes itself as %+v", k)
	}
	p := random(1024, 2)
	status, err := f.Read(t.Context(), 0, p)
	expect(t, "read", status, err, blk.StatusOkay)
	if string(p) != string(append(contents, make([]byte, 24)...)) {
		t.Error("read something else")
	}
	if got := told(t, f, 0, 512); got != "D2" {
		t.Errorf("extents %s", got)
	}
}
