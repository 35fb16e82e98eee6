package blk_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// mapCounter is a domain that counts the pages that it has mapped for requests.
type mapCounter struct {
	platform.Domain
	pages atomic.Int64
}

func (m *mapCounter) MapEach(peer platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) error {
	err := m.Domain.MapEach(peer, refs, access, pages)
	if err == nil {
		m.pages.Add(int64(len(refs)))
	}
	return err
}

func (m *mapCounter) UnmapEach(peer platform.DomID, refs []platform.GrantRef, access platform.Access, pages []shm.Memory) {
	m.pages.Add(-int64(len(refs)))
	m.Domain.UnmapEach(peer, refs, access, pages)
}

// A back end gives back what a front end doesn't use any more, although both have agreed
// that it may keep it.
func TestIdlePagesAreGivenBack(t *testing.T) {
	testenv.Leaks(t)
	synctest.Test(t, func(t *testing.T) {
		front, back := idctest.Pair(t)
		counter := &mapCounter{Domain: back}
		d := newDisk(2048)
		s := blk.Export(counter, "disk", d.keys(), d, idc.Spin(-1))
		defer s.Close()
		f, err := blk.Open(context.Background(), front, "disk", idc.Spin(-1))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		ok(t, "write")(f.Write(context.Background(), 0, noise(1, 1<<20)))
		const pages = 1 << 20 / shm.PageSize
		if n := counter.pages.Load(); n < pages {
			t.Errorf("%d pages stay mapped of %d", n, pages)
		}
		time.Sleep(70 * time.Second) // one sweep later
		ok(t, "read")(f.Read(context.Background(), 0, make([]byte, 512)))
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := counter.pages.Load(); n != 1 {
			t.Errorf("%d pages stay mapped, of which one was used lately", n)
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if n := counter.pages.Load(); n != 0 {
			t.Errorf("%d pages stay mapped", n)
		}
	})
}
