package nbd

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
)

// sparseDisk is a memDisk that knows which of its sectors were written and makes zeros
// without being sent them.
type sparseDisk struct {
	*memDisk
	kept    []bool         // by sector
	cantNow bool           // Zero fails, as after a reconnect to another back end
	tell    func([]Extent) // makes another answer of the true one
}

func newSparseDisk(t testing.TB, size, sector int) *sparseDisk {
	d := &sparseDisk{memDisk: newMemDisk(t, size, sector), kept: make([]bool, size/sector)}
	d.info.CanZero, d.info.CanExtents = true, true
	return d
}

func (d *sparseDisk) keep(off, n int64, kept bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := off / int64(d.info.SectorSize); s < (off+n)/int64(d.info.SectorSize); s++ {
		d.kept[s] = kept
	}
}

func (d *sparseDisk) WriteAt(ctx context.Context, p []byte, off int64) error {
	d.keep(off, int64(len(p)), true)
	return d.memDisk.WriteAt(ctx, p, off)
}

func (d *sparseDisk) Zero(_ context.Context, off, n int64) error {
	d.check(off, n)
	if d.cantNow {
		return fmt.Errorf("not now: %w", syscall.EOPNOTSUPP)
	}
	c := d.changing(off, n)
	defer d.changed(c)
	d.keep(off, n, false)
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.data[off:][:n])
	return d.fail
}

func (d *sparseDisk) Extents(_ context.Context, list []Extent, off int64) (n int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for s := int(off) / d.info.SectorSize; s < len(d.kept); s++ {
		hole := !d.kept[s]
		if n == 0 || list[n-1].Hole != hole {
			if n == len(list) {
				break
			}
			list[n] = Extent{Hole: hole, Zero: hole}
			n++
		}
		list[n-1].Len += int64(d.info.SectorSize)
	}
	if d.tell != nil {
		d.tell(list[:n])
	}
	return n, d.fail
}

// attachStructured negotiates structured replies and block status.
func attachStructured(t testing.TB, addr string) *client {
	t.Helper()
	c := dial(t, addr)
	c.greet(flagFixedNewstyle | flagNoZeroes)
	c.option(optStructured, nil)
	c.wantOption(optStructured, repAck, "")
	c.option(optSetMeta, metaData("", contextAllocation))
	c.wantOption(optSetMeta, repMeta, "\x00\x00\x00\x01"+contextAllocation)
	c.wantOption(optSetMeta, repAck, "")
	c.option(optExportName, nil)
	if flags := binary.BigEndian.Uint16(c.bytes(10)[8:]); flags&transSendDF == 0 {
		t.Errorf("transmission flags %#x", flags)
	}
	return c
}

func metaData(name string, queries ...string) []byte {
	be := binary.BigEndian
	b := append(be.AppendUint32(nil, uint32(len(name))), name...)
	b = be.AppendUint32(b, uint32(len(queries)))
	for _, q := range queries {
		b = append(be.AppendUint32(b, uint32(len(q))), q...)
	}
	return b
}

func (c *client) wantOption(opt, kind uint32, data string) {
	c.t.Helper()
	if k, d := c.optionReply(opt); k != kind || data != "" && string(d) != data {
		c.t.Errorf("option %d is answered with %#x %q, want %#x %q", opt, k, d, kind, data)
	}
}

// chunk returns the next chunk of the answer to a request with the cookie.
func (c *client) chunk(cookie uint64) (flags, kind uint16, data []byte) {
	c.t.Helper()
	h := c.bytes(chunkHeaderSize)
	be := binary.BigEndian
	if be.Uint32(h) != magicChunk || be.Uint64(h[8:]) != cookie {
		c.t.Fatalf("a chunk begins % x", h)
	}
	return be.Uint16(h[4:]), be.Uint16(h[6:]), c.bytes(int(be.Uint32(h[16:])))
}

// wantError fails unless the request is answered with the error alone, in a chunk.
func (c *client) wantError(cmd, flags uint16, off uint64, n, want uint32) {
	c.t.Helper()
	c.request(cmd, flags, 77, off, n, nil)
	if f, kind, data := c.chunk(77); f != chunkDone || kind != chunkError || binary.BigEndian.Uint32(data) != want || len(data) != 6 {
		c.t.Errorf("command %d: chunk of type %d with flags %d: % x; want error %d", cmd, kind, f, data, want)
	}
}

// status asks for the state of n bytes and returns it: letters for data, hole and zero,
// with the number of bytes.
func (c *client) status(flags uint16, off uint64, n uint32) (words []string) {
	c.t.Helper()
	be := binary.BigEndian
	c.request(cmdBlockStatus, flags, 5, off, n, nil)
	f, kind, data := c.chunk(5)
	if f != chunkDone || kind != chunkBlockStatus || len(data) < 12 || be.Uint32(data) != contextAllocationID {
		c.t.Fatalf("block status: chunk of type %d with flags %d: % x", kind, f, data)
	}
	for data = data[4:]; len(data) >= 8; data = data[8:] {
		words = append(words, fmt.Sprint([]string{"d", "h", "z", "hz"}[be.Uint32(data[4:])], be.Uint32(data)))
	}
	return words
}

func TestMetaContexts(t *testing.T) {
	testenv.Leaks(t)
	addr, _ := serveDisk(t, newSparseDisk(t, 4096, 512))
	c := dial(t, addr)
	c.greet(flagFixedNewstyle | flagNoZeroes)
	c.option(optSetMeta, metaData("", contextAllocation))
	c.wantOption(optSetMeta, repErrInvalid, "") // no structured replies
	c.option(optStructured, []byte{1})
	c.wantOption(optStructured, repErrInvalid, "")
	c.option(optStructured, nil)
	c.wantOption(optStructured, repAck, "")
	for _, queries := range [][]string{nil, {"base:"}, {contextAllocation}, {"x:y", contextAllocation}} {
		c.option(optListMeta, metaData("disk", queries...))
		c.wantOption(optListMeta, repMeta, "\x00\x00\x00\x00"+contextAllocation)
		c.wantOption(optListMeta, repAck, "")
	}
	for _, queries := range [][]string{nil, {"base:"}, {"qemu:dirty-bitmap:x"}, {""}} {
		c.option(optSetMeta, metaData("disk", queries...))
		c.wantOption(optSetMeta, repAck, "")
	}
	c.option(optSetMeta, metaData("other", contextAllocation))
	c.wantOption(optSetMeta, repErrUnknown, "")
	good := metaData("disk", contextAllocation)
	for i := range good {
		c.option(optSetMeta, good[:i])
		c.wantOption(optSetMeta, repErrInvalid, "")
	}
	for _, bad := range [][]byte{append(slices.Clone(good), 0), bytes.Repeat([]byte{255}, 64), {0, 0, 0, 0, 255, 255, 255, 255}} {
		c.option(optSetMeta, bad)
		c.wantOption(optSetMeta, repErrInvalid, "")
	}
	// What is set for one name isn't for another, and a failure takes back what was set.
	c.option(optSetMeta, good)
	c.wantOption(optSetMeta, repMeta, "")
	c.wantOption(optSetMeta, repAck, "")
	c.option(optExportName, nil)
	c.bytes(10)
	c.wantError(cmdBlockStatus, 0, 0, 512, errInval)
}

func TestBlockStatus(t *testing.T) {
	testenv.Leaks(t)
	d := newSparseDisk(t, 16<<10, 512)
	addr, _ := serveDisk(t, d)
	c := attachStructured(t, addr)
	check := func(flags uint16, off uint64, n uint32, want ...string) {
		t.Helper()
		if got := c.status(flags, off, n); !slices.Equal(got, want) {
			t.Errorf("%d bytes at %d: %v, want %v", n, off, got, want)
		}
	}
	check(0, 0, 16<<10, "hz16384")
	c.do(cmdWrite, 0, 1000, 100, make([]byte, 100), 0) // sectors 1 and 2
	check(0, 0, 16<<10, "hz512", "d1024", "hz14848")
	check(0, 700, 1000, "d836", "hz164")
	check(cmdFlagReqOne, 0, 16<<10, "hz512")
	check(cmdFlagReqOne, 1, 1, "hz1")
	check(0, 16<<10-1, 1, "hz1")
	c.do(cmdWriteZeroes, 0, 0, 16<<10, nil, 0)
	check(0, 0, 16<<10, "hz16384")
	c.wantError(cmdBlockStatus, 0, 0, 0, errInval)
	c.wantError(cmdBlockStatus, 0, 1, 16<<10, errInval)
	c.wantError(cmdBlockStatus, 1<<9, 0, 512, errInval)
	d.fail = syscall.EIO
	c.wantError(cmdBlockStatus, 0, 0, 512, errIO)
}

// TestUnknownExtents has disks that know nothing or tell nonsense: what isn't known is
// data, and what is told is what was asked for.
func TestUnknownExtents(t *testing.T) {
	testenv.Leaks(t)
	for name, tt := range map[string]struct {
		change func(d *sparseDisk)
		want   string
	}{
		"no holes known": {func(d *sparseDisk) { d.info.CanExtents = false }, "d4000"},
		"not any more":   {func(d *sparseDisk) { d.fail = syscall.EOPNOTSUPP }, "d4000"},
		"nothing":        {func(d *sparseDisk) { d.tell = func(l []Extent) { l[0].Len = 0 } }, "d4000"},
		"backwards":      {func(d *sparseDisk) { d.tell = func(l []Extent) { l[0].Len = -4096 } }, "d4000"},
		"far too much":   {func(d *sparseDisk) { d.tell = func(l []Extent) { l[0].Len = 1<<63 - 512 } }, "hz4000"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newSparseDisk(t, 16<<10, 512)
			tt.change(d)
			addr, _ := serveDisk(t, d)
			c := attachStructured(t, addr)
			if got := c.status(0, 100, 4000); len(got) != 1 || got[0] != tt.want {
				t.Errorf("told %v, want %s", got, tt.want)
			}
		})
	}
}

// TestStructuredReads reads in chunks: short ones, such as are cut into pieces, and such
// as fail in the middle.
func TestStructuredReads(t *testing.T) {
	testenv.Leaks(t)
	d := newMemDisk(t, 4<<20, 512)
	rand.NewChaCha8([32]byte{1}).Read(d.data)
	addr, _ := serveDisk(t, d)
	c := attachStructured(t, addr)
	for _, tt := range []struct {
		off uint64
		n   int
	}{{0, 512}, {3, 1}, {511, 2}, {1000, 1 << 20}, {512, 1<<20 + 1}, {7, 3<<20 + 7}} {
		c.request(cmdRead, 0, 9, tt.off, uint32(tt.n), nil)
		got, flags := make([]byte, tt.n), uint16(0)
		left := tt.n
		for flags&chunkDone == 0 {
			var kind uint16
			var data []byte
			flags, kind, data = c.chunk(9)
			if kind != chunkOffsetData || len(data) < 9 {
				t.Fatalf("chunk of type %d with %d bytes", kind, len(data))
			}
			left -= copy(got[binary.BigEndian.Uint64(data)-tt.off:], data[8:])
		}
		if left != 0 || !bytes.Equal(got, d.data[tt.off:][:tt.n]) {
			t.Errorf("%d bytes at %d: %d missing, equal %v", tt.n, tt.off, left, bytes.Equal(got, d.data[tt.off:][:tt.n]))
		}
	}
	c.request(cmdRead, cmdFlagDF, 9, 0, 1<<20, nil)
	if flags, kind, data := c.chunk(9); flags != chunkDone || kind != chunkOffsetData || len(data) != 8+1<<20 {
		t.Errorf("unfragmented: flags %d, type %d, %d bytes", flags, kind, len(data))
	}
	c.wantError(cmdRead, cmdFlagDF, 0, 1<<20+1, errOverflow)
	c.request(cmdRead, 0, 9, 0, 0, nil)
	if flags, kind, data := c.chunk(9); flags != chunkDone || kind != chunkNone || len(data) != 0 {
		t.Errorf("nothing: flags %d, type %d, %d bytes", flags, kind, len(data))
	}
	c.wantError(cmdRead, 0, 4<<20, 1, errInval)
	d.mu.Lock()
	d.fail = syscall.EIO
	d.mu.Unlock()
	c.wantError(cmdRead, 0, 0, 512, errIO)
	c.wantError(cmdRead, 0, 0, 2<<20, errIO)
}

// TestZeroes makes zeros at all positions within sectors, in each way, and looks at
// every byte and at what is kept.
func TestZeroes(t *testing.T) {
	testenv.Leaks(t)
	const size, sector = 8 << 10, 512
	for name, change := range map[string]func(d *sparseDisk){
		"by the disk": func(*sparseDisk) {},
		"written":     func(d *sparseDisk) { d.info.CanZero = false },
		"not now":     func(d *sparseDisk) { d.cantNow = true },
	} {
		t.Run(name, func(t *testing.T) {
			d := newSparseDisk(t, size, sector)
			change(d)
			able := d.info.CanZero && !d.cantNow
			addr, _ := serveDisk(t, d)
			c := attach(t, addr)
			for _, r := range [][2]int{{0, size}, {0, sector}, {1, 10}, {500, 100}, {512, 1024}, {511, 1026}, {513, 2000}, {8191, 1}} {
				for _, flags := range []uint16{0, cmdFlagNoHole, cmdFlagFastZero, cmdFlagFastZero | cmdFlagNoHole} {
					c.do(cmdWrite, 0, 0, size, bytes.Repeat([]byte{7}, size), 0)
					lo, hi := (r[0]+sector-1)/sector, (r[0]+r[1])/sector
					want, zeroed, freed := uint32(0), true, able && flags&cmdFlagNoHole == 0
					switch {
					case flags&cmdFlagFastZero != 0 && !d.info.CanZero:
						want, zeroed, freed = errInval, false, false
					case flags&cmdFlagFastZero != 0 && !freed && lo < hi:
						want, zeroed = errNotSup, false
					}
					c.do(cmdWriteZeroes, flags, uint64(r[0]), uint32(r[1]), nil, want)
					for i, b := range d.snapshot() {
						if in := zeroed && i >= r[0] && i < r[0]+r[1]; (b == 0) != in {
							t.Fatalf("%v, flags %#x: byte %d is %d", r, flags, i, b)
						}
					}
					for i, kept := range d.kept {
						if kept != !(freed && i >= lo && i < hi) {
							t.Fatalf("%v, flags %#x: sector %d is kept: %v", r, flags, i, kept)
						}
					}
				}
			}
		})
	}
	d := newSparseDisk(t, size, sector)
	addr, _ := serveDisk(t, d)
	d.fail = errors.New("broken")
	attach(t, addr).do(cmdWriteZeroes, 0, 0, size, nil, errIO)
}

// TestOddSize serves a disk that ends within a sector, which clients see to its last
// byte and no further.
func TestOddSize(t *testing.T) {
	testenv.Leaks(t)
	d := newMemDisk(t, 1024, 512)
	rand.NewChaCha8([32]byte{1}).Read(d.data)
	whole := d.info.Size
	d.odd = 700
	d.info.ReadOnly = true
	addr, _ := serveDisk(t, d)
	c := attach(t, addr)
	if got := c.read(0, 700); !bytes.Equal(got, d.data[:700]) {
		t.Error("read something else")
	}
	if got := c.read(699, 1); got[0] != d.data[699] {
		t.Error("read another last byte")
	}
	c.do(cmdRead, 0, 0, 701, nil, errInval)
	c.do(cmdRead, 0, 700, 1, nil, errInval)
	if d.info.Size != whole {
		t.Error("the disk's own size changed")
	}
}
