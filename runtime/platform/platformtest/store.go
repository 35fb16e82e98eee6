package platformtest

import (
	"context"
	"errors"
	"io/fs"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// dial connects a domain to the store until the test ends.
func dial(t *testing.T, d platform.Domain) *store.Client {
	t.Helper()
	conn, err := d.DialStore(t.Context())
	if err != nil {
		t.Fatalf("DialStore: %v", err)
	}
	c := store.NewClient(conn)
	t.Cleanup(func() { c.Close() })
	return c
}

// inTime is a context that ends when patience does.
func inTime(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

var storeTests = []test{
	{"OneWritesAnotherReads", func(t *testing.T, w *world) {
		ctx := inTime(t)
		a, b, c := dial(t, w.a), dial(t, w.b), dial(t, w.c)
		const key = "data/platformtest"
		path := store.DomainPath(w.a.ID()) + "/" + key
		if err := a.Write(ctx, store.NoTx, key, "hello"); err != nil {
			t.Fatalf("write below the domain's own path: %v", err)
		}
		if err := a.SetPerms(ctx, store.NoTx, key,
			store.Perm{Dom: w.a.ID()}, store.Perm{Dom: w.b.ID(), Rights: store.PermRead}); err != nil {
			t.Fatalf("set permissions: %v", err)
		}
		if got, err := b.Read(ctx, store.NoTx, path); err != nil || got != "hello" {
			t.Errorf("the domain that may read got %q, %v", got, err)
		}
		if w.Can.SameID {
			if err := c.Remove(ctx, store.NoTx, path); err != nil { // all three own it
				t.Errorf("remove: %v", err)
			}
			return
		}
		if _, err := c.Read(ctx, store.NoTx, path); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("the domain that may not read got error %v", err)
		}
		if err := b.Write(ctx, store.NoTx, path, "lies"); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("the domain that may only read wrote: %v", err)
		}
		if err := a.Remove(ctx, store.NoTx, key); err != nil {
			t.Errorf("remove: %v", err)
		}
	}},
	{"SeveralConnections", func(t *testing.T, w *world) {
		ctx := inTime(t)
		one, two := dial(t, w.a), dial(t, w.a)
		if err := one.Write(ctx, store.NoTx, "data/one", "1"); err != nil {
			t.Fatal(err)
		}
		if got, err := two.Read(ctx, store.NoTx, "data/one"); err != nil || got != "1" {
			t.Errorf("the second connection reads %q, %v", got, err)
		}
		if err := one.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if err := two.Remove(ctx, store.NoTx, "data/one"); err != nil {
			t.Errorf("remove after the first connection ended: %v", err)
		}
	}},
	{"Context", func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		conn, err := w.a.DialStore(ctx)
		if err == nil {
			conn.Close()
		}
		wantErr(t, "DialStore", err, context.Canceled)
	}},
	{"EndsWithTheDomain", func(t *testing.T, w *world) {
		c := dial(t, w.a)
		if err := w.a.Close(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-c.Done():
		case <-time.After(patience):
			t.Error("the connection outlives its domain")
		}
	}},
}
