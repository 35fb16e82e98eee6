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
//	/idc                 owned by 0; all may add to it: services, by name
type tree struct {
	server *store.Server
	local  *store.Client // domain 0, privileged
}

func newTree() (*tree, error) {
	s := store.NewServer(store.Options{})
	t := &tree{s, s.Local()}
	ctx := context.Background()
	for _, n := range []struct {
		path   string
		rights store.Rights
	}{
		{"/local", store.PermRead}, {"/local/domain", store.PermRead}, {"/idc", store.PermBoth},
	} {
		if err := t.local.Mkdir(ctx, store.NoTx, n.path); err != nil {
			t.close()
			return nil, fmt.Errorf("make %s: %w", n.path, err)
		}
		if err := t.local.SetPerms(ctx, store.NoTx, n.path, store.Perm{Dom: 0, Rights: n.rights}); err != nil {
			t.close()
			return nil, fmt.Errorf("permissions of %s: %w", n.path, err)
		}
	}
	return t, nil
}

// serve serves a connection until it ends, and closes it.
func (t *tree) serve(c io.ReadWriteCloser, dom platform.DomID, privileged bool) error {
	return t.server.Serve(c, dom, privileged)
}

// introduce makes a domain's subtree, then tells those who watch @introduceDomain.
func (t *tree) introduce(id platform.DomID, name string, w who) error {
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
	t.server.Introduce(id)
	return nil
}

// release ends the domain's connections, removes everything that it owned, its
// subtree with it, and tells those who watch @releaseDomain.
func (t *tree) release(id platform.DomID) { t.server.Release(id) }

func (t *tree) close() {
	t.local.Close()
	t.server.Close()
}
