//go:build linux

package broker

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// tree is the broker's store, and what the broker writes to it:
//
//	/local/domain        owned by 0, readable by all
//	/local/domain/N      owned by N, readable by nobody else
//	/local/domain/N/domid, name, pid    owned by N, readable by all
//	/idc                 owned by 0, readable by all: services, by name (store.Discovery)
type tree struct {
	names  *names
	server *store.Server
	local  *store.Client // domain 0, privileged
}

func newTree(opts Options) (*tree, error) {
	names, err := newNames(opts.Names)
	if err != nil {
		return nil, err
	}
	s := store.NewServer(store.Options{
		Quota: opts.StoreQuota, UserQuota: opts.UserQuota, Shared: store.Discovery(names.may),
	})
	t := &tree{names, s, s.Local()}
	ctx := context.Background()
	for _, path := range []string{"/local", "/local/domain"} {
		if err := t.local.Mkdir(ctx, store.NoTx, path); err != nil {
			t.close()
			return nil, fmt.Errorf("make %s: %w", path, err)
		}
		if err := t.local.SetPerms(ctx, store.NoTx, path, store.Perm{Dom: 0, Rights: store.PermRead}); err != nil {
			t.close()
			return nil, fmt.Errorf("permissions of %s: %w", path, err)
		}
	}
	return t, nil
}

// serve serves a connection until it ends, and closes it.
func (t *tree) serve(c io.ReadWriteCloser, dom platform.DomID, privileged bool) error {
	return t.server.Serve(c, dom, privileged)
}

// prepare makes a domain's subtree, which nobody has been told of.
func (t *tree) prepare(id platform.DomID, name string, w who) error {
	ctx := context.Background()
	home := store.DomainPath(id)
	nodes := []struct {
		path, value string
		rights      store.Rights
	}{
		{home, "", store.PermNone},
		{home + "/domid", strconv.Itoa(int(id)), store.PermRead},
		{home + "/name", name, store.PermRead},
		{home + "/pid", strconv.Itoa(int(w.pid)), store.PermRead},
	}
	err := t.local.Transaction(ctx, func(tx store.Tx) error {
		for _, n := range nodes {
			if err := t.local.Write(ctx, tx, n.path, n.value); err != nil {
				return err
			}
			if err := t.local.SetPerms(ctx, tx, n.path, store.Perm{Dom: id, Rights: n.rights}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("make %s: %w", home, err)
	}
	t.names.join(id, w)
	return nil
}

// introduce tells those who watch @introduceDomain.
func (t *tree) introduce(id platform.DomID, w who) { t.server.IntroduceAs(id, w.uid) }

// release ends the domain's connections, removes everything that it owned, its
// subtree with it, and tells those who watch @releaseDomain.
func (t *tree) release(id platform.DomID) {
	t.server.Release(id)
	t.names.leave(id)
}

func (t *tree) close() {
	t.local.Close()
	t.server.Close()
}
