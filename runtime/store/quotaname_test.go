package store

import (
	"errors"
	"strings"
	"syscall"
	"testing"
)

// Who reaches a limit is told its name, and where to raise it.
func TestQuotaIsNamed(t *testing.T) {
	w := newWorld(t, Options{Quota: Quota{Nodes: 1, Watches: 1, Transactions: 1}})
	w.home()
	c := NewClient(w.dial(5))
	defer c.Close()
	ctx := t.Context()
	watch, err := c.Watch(ctx, "a")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Close()
	tx, err := c.begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.abort(tx)
	_, watchErr := c.Watch(ctx, "b")
	_, txErr := c.begin(ctx)
	for want, err := range map[string]error{"watches": watchErr, "transactions": txErr, "nodes": c.Write(ctx, NoTx, "a", "")} {
		if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--quota") {
			t.Errorf("the limit of %s: %v", want, err)
		}
	}
	q := DefaultQuota()
	if err := q.Set("watches", 7); err != nil || q.Watches != 7 {
		t.Errorf("Set: %v, %d", err, q.Watches)
	}
	if err := q.Set("wotches", 7); err == nil || !strings.Contains(err.Error(), "watches") {
		t.Errorf("Set of what isn't there: %v", err)
	}
}

// What a domain holds is told beside what it may.
func TestUsage(t *testing.T) {
	w := newWorld(t)
	w.home()
	w.s.IntroduceAs(5, 1000)
	d := w.raw(5)
	d.want(TypeMkdir, 0, "a/b|", "OK|")
	d.want(TypeWatch, 0, "a|t|", "OK|")
	d.begin()
	c := w.s.Local()
	defer c.Close()
	text, err := c.Control(t.Context(), "usage", "5")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nodes 3 1000\n", "watches 1 128\n", "transactions 1 10\n", "connections 1 64\n", "user 1000\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q isn't in %q", want, text)
		}
	}
	if _, err := c.Control(t.Context(), "usage", "6"); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("of a domain that isn't there: %v", err)
	}
	d.want(TypeControl, 0, "usage|5|", "!EACCES")
}
