//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// blockSize is the unit in bytes in which the demo remembers what the disk must hold.
const blockSize = 4096

// castagnoli is computed by an instruction of most CPUs, and finds every error of up to
// 32 bits in a row.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// model is what the disk must hold: a checksum for every block. Blocks have one owner
// each at a time, so there is no lock.
type model struct {
	seed  uint64
	sums  []uint32
	turns []uint32 // how often each was written
}

func newModel(blocks int64, seed uint64) *model {
	return &model{seed: seed, sums: make([]uint32, blocks), turns: make([]uint32, blocks)}
}

// next fills p with new contents for the blocks from first on, and remembers them.
// Every block is different from every other, and from what it was before.
func (m *model) next(first int64, p []byte) {
	for ; len(p) > 0; p, first = p[blockSize:], first+1 {
		m.turns[first]++
		x := m.seed ^ uint64(first)<<32 ^ uint64(m.turns[first])
		for i := 0; i < blockSize; i += 8 {
			// splitmix64, by Sebastiano Vigna: cheap, and good enough to look at.
			x += 0x9e3779b97f4a7c15
			z := (x ^ x>>30) * 0xbf58476d1ce4e5b9
			z = (z ^ z>>27) * 0x94d049bb133111eb
			binary.LittleEndian.PutUint64(p[i:], z^z>>31)
		}
		m.sums[first] = crc32.Checksum(p[:blockSize], castagnoli)
	}
}

// verify compares p with what the blocks from first on must hold.
func (m *model) verify(first int64, p []byte) error {
	for ; len(p) > 0; p, first = p[blockSize:], first+1 {
		if got := crc32.Checksum(p[:blockSize], castagnoli); got != m.sums[first] {
			return &mismatch{block: first, got: got, want: m.sums[first], zeros: allZero(p[:blockSize])}
		}
	}
	return nil
}

// mismatch says that a block holds something else than it must.
type mismatch struct {
	block     int64
	got, want uint32
	zeros     bool
}

// Error says which block it was.
func (m *mismatch) Error() string {
	kind := ""
	if m.zeros {
		kind = " (it is all zeros)"
	}
	return fmt.Sprintf("block %d, at byte %d, has checksum %08x and must have %08x%s", m.block, m.block*blockSize, m.got, m.want, kind)
}

func allZero(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}

// WriteTo writes the checksums, so that another process can verify.
func (m *model) WriteTo(w io.Writer) (int64, error) {
	return int64(4 * len(m.sums)), binary.Write(w, binary.LittleEndian, m.sums)
}

// ReadFrom reads what WriteTo wrote.
func (m *model) ReadFrom(r io.Reader) (int64, error) {
	return int64(4 * len(m.sums)), binary.Read(r, binary.LittleEndian, m.sums)
}
