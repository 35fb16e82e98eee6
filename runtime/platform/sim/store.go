package sim

import (
	"context"
	"io"
	"net"
	"strconv"
	"sync"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// dialFunc connects a domain to a store.
type dialFunc func(context.Context, platform.DomID) (io.ReadWriteCloser, error)

// worldStore is the store of a world: a server within the process, or none of ours
// if the test brought its own.
type worldStore struct {
	custom dialFunc
	server *store.Server  // nil with custom
	wg     sync.WaitGroup // sessions
}

func newWorldStore(opts Options) *worldStore {
	if opts.Dial != nil {
		return &worldStore{custom: opts.Dial}
	}
	if opts.Store.Quota == (store.Quota{}) {
		opts.Store.Quota = store.HostQuota()
	}
	if opts.Store.Shared == nil {
		opts.Store.Shared = store.Discovery(nil)
	}
	return &worldStore{server: store.NewServer(opts.Store)}
}

// introduce makes a domain's subtree, which it owns, as a toolstack would, and tells
// who watches @introduceDomain.
func (s *worldStore) introduce(dom platform.DomID) error {
	if s.server == nil {
		return nil
	}
	admin := s.server.Local()
	defer admin.Close()
	ctx := context.Background()
	home := store.DomainPath(dom)
	for _, n := range []struct {
		path string
		perm store.Perm
	}{
		{"/local", store.Perm{Dom: 0, Rights: store.PermRead}},
		{"/local/domain", store.Perm{Dom: 0, Rights: store.PermRead}},
		{home, store.Perm{Dom: dom}},
	} {
		if err := makeNode(ctx, admin, n.path, n.perm); err != nil {
			return err
		}
	}
	if err := admin.Write(ctx, store.NoTx, home+"/domid", strconv.Itoa(int(dom))); err != nil {
		return err
	}
	s.server.Introduce(dom)
	return nil
}

// makeNode makes a node with permissions unless it is there.
func makeNode(ctx context.Context, c *store.Client, path string, perm store.Perm) error {
	if there, err := c.Exists(ctx, store.NoTx, path); there || err != nil {
		return err
	}
	if err := c.Mkdir(ctx, store.NoTx, path); err != nil {
		return err
	}
	return c.SetPerms(ctx, store.NoTx, path, perm)
}

// release removes what a domain that has ended left in the store, and tells who
// watches @releaseDomain. Domain 0 owns the store's own nodes, which outlive it.
func (s *worldStore) release(dom platform.DomID) {
	if s.server != nil && dom != 0 {
		s.server.Release(dom)
	}
}

// dial connects a domain. Domain 0 is privileged.
func (s *worldStore) dial(ctx context.Context, dom platform.DomID) (io.ReadWriteCloser, error) {
	if s.custom != nil {
		return s.custom(ctx, dom)
	}
	ours, theirs := net.Pipe()
	s.wg.Go(func() {
		// Refused or ended: the domain sees its connection closed.
		_ = s.server.Serve(theirs, dom, dom == 0)
	})
	return ours, nil
}

// close ends the store and waits for its sessions.
func (s *worldStore) close() {
	if s.server != nil {
		_ = s.server.Close() // it has no way to fail
	}
	s.wg.Wait()
}
