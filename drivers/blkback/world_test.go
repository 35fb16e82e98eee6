//go:build linux

package blkback_test

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/xenidc/idc/drivers/blkback"
	"github.com/xenidc/idc/drivers/image"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/platform/sim"
)

const (
	mib      = 1 << 20
	diskSize = 4 * mib
	patience = 20 * time.Second
)

// world has one domain that serves disks, and any number that use them.
type world struct {
	t    *testing.T
	sim  *sim.World
	back platform.Domain
}

func newWorld(t *testing.T) *world {
	t.Helper()
	testenv.Leaks(t)
	w := &world{t: t, sim: sim.New(sim.Options{})}
	t.Cleanup(func() {
		for _, leak := range w.sim.Leaks() {
			t.Error("leaked: ", leak)
		}
		w.sim.Close()
	})
	w.back = w.domain()
	return w
}

// domain starts a domain that ends with the test.
func (w *world) domain() platform.Domain {
	w.t.Helper()
	d, err := w.sim.NewDomain()
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { d.Close() })
	return d
}

// serve makes an image with the contents and serves it. It returns the image's path.
func (w *world) serve(name string, contents []byte, opts image.Options) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), name)
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		w.t.Fatal(err)
	}
	img, err := image.Open(path, opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { img.Close() })
	back := blkback.New(img, slog.New(slog.DiscardHandler))
	s := blk.Export(w.back, name, back.Keys(), back, idc.Workers(8), idc.Queues(2), idc.RingOrder(1), idc.Fronts(1))
	w.t.Cleanup(func() { s.Close() })
	return path
}

// open makes a well-behaved front end in a domain of its own.
func (w *world) open(name string, opts ...idc.Option) *blk.Front {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	keys := blk.FrontKeys{FeatureLargeSectorSize: true}
	f, err := blk.Open(ctx, w.domain(), name, append(opts, keys.Option())...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { f.Close() })
	return f
}

// random returns bytes, the same for the same seed.
func random(n int, seed byte) []byte {
	p := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// expect fails unless a request ended so.
func expect(t *testing.T, what string, status blk.Status, err error, want blk.Status) {
	t.Helper()
	if err != nil || status != want {
		t.Errorf("%s: %v, %v; want %v", what, status, err, want)
	}
}

// holds fails unless the file holds the bytes at off.
func holds(t *testing.T, path string, off int, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got[off:off+len(want)], want) {
		t.Errorf("%d bytes at %d of %s differ", len(want), off, filepath.Base(path))
	}
}
