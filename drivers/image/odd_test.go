//go:build linux

package image

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
)

// TestOddSizes reads files that end within a sector, also past the page cache: the rest
// of the sector is zeros. To be written to they are refused.
func TestOddSizes(t *testing.T) {
	testenv.Leaks(t)
	for _, n := range []int{1, 511, 513, 700, 4095, 4097, 70001} {
		for _, opts := range []Options{{ReadOnly: true}, {ReadOnly: true, SectorSize: 4096}, {ReadOnly: true, Direct: true}} {
			sector := max(opts.SectorSize, 512)
			data := make([]byte, n)
			rand.NewChaCha8([32]byte{byte(n)}).Read(data)
			path := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(path, Options{SectorSize: opts.SectorSize}); err == nil || n > sector && !strings.Contains(err.Error(), "read-only") {
				t.Errorf("%d bytes, to be written to: %v", n, err)
			}
			img, err := Open(path, opts)
			if err != nil {
				t.Fatal(err)
			}
			size := (n + sector - 1) / sector * sector
			if img.Size() != int64(size) || img.Bytes() != int64(n) {
				t.Errorf("%d bytes in sectors of %d: size %d, bytes %d", n, sector, img.Size(), img.Bytes())
			}
			want, got := append(data, make([]byte, size-n)...), bytes.Repeat([]byte{0xff}, size)
			if err := img.ReadAt([][]byte{got[:sector/2], got[sector/2:]}, 0); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, read whole: %v, %v", n, err, bytes.Equal(got, want))
			}
			last := bytes.Repeat([]byte{0xff}, sector)
			if err := img.ReadAt([][]byte{last}, int64(size-sector)); err != nil || !bytes.Equal(last, want[size-sector:]) {
				t.Errorf("%d bytes, read the last sector: %v", n, err)
			}
			// What was shortened meanwhile doesn't read as zeros.
			if n > sector {
				os.Truncate(path, int64(n-1))
				if err := img.ReadAt([][]byte{got}, 0); err == nil {
					t.Errorf("%d bytes, less one: read", n)
				}
			}
			img.Close()
		}
	}
}

// TestOddGrows measures an image of odd size that grows.
func TestOddGrows(t *testing.T) {
	testenv.Leaks(t)
	path := filepath.Join(t.TempDir(), "image")
	os.WriteFile(path, make([]byte, 700), 0o600)
	img, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	for _, tt := range []struct {
		end, size int64
		changed   bool
	}{{700, 1024, false}, {900, 1024, true}, {1025, 1536, true}, {1025, 1536, false}, {2048, 2048, true}} {
		os.Truncate(path, tt.end)
		if changed, err := img.Measure(); err != nil || changed != tt.changed || img.Size() != tt.size || img.Bytes() != tt.end {
			t.Errorf("%d bytes: changed %v, %v, size %d, bytes %d", tt.end, changed, err, img.Size(), img.Bytes())
		}
	}
}
