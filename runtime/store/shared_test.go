package store

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
)

// meeting is a world in which domains 5, 6 and 7 have subtrees and meet in shared
// directories. Domain 6 may not announce anything that begins with an x.
func meeting(t *testing.T) *world {
	w := newWorld(t, Options{Shared: Discovery(func(dom platform.DomID, name string) error {
		if dom == 6 && strings.HasPrefix(name, "x") {
			return fmt.Errorf("not for you: %w", syscall.EPERM)
		}
		return nil
	})})
	a := w.raw(0)
	for _, dom := range []string{"5", "6", "7"} {
		a.want(TypeMkdir, 0, "/local/domain/"+dom+"|", "OK|")
		a.want(TypeSetPerms, 0, "/local/domain/"+dom+"|n"+dom+"|", "OK|")
	}
	return w
}

func TestShared(t *testing.T) {
	w := meeting(t)
	server, front, third := w.raw(5), w.raw(6), w.raw(7)
	third.want(TypeGetPerms, 0, "/idc|", "r0|")
	server.want(TypeWrite, 0, "/idc/d@a|5", "OK|")
	server.want(TypeGetPerms, 0, "/idc/d@a|", "n5|r0|")
	server.want(TypeSetPerms, 0, "/idc/d@a|r5|", "OK|")
	server.want(TypeMkdir, 0, "/idc/d@a/fronts|", "OK|")
	server.want(TypeSetPerms, 0, "/idc/d@a/fronts|n5|", "OK|")
	front.want(TypeRead, 0, "/idc/d@a/fronts/6-0|", "!ENOENT") // told to all
	front.want(TypeWrite, 0, "/idc/d@a/fronts/6-0|x", "OK|")
	server.want(TypeDirectory, 0, "/idc/d@a/fronts|", "6-0|")
	server.want(TypeGetPerms, 0, "/idc/d@a/fronts/6-0|", "n6|r5|")

	t.Run("NobodyElseTouches", func(t *testing.T) {
		for _, p := range []string{"/idc", "/idc/d@a", "/idc/d@a/fronts", "/idc/d@a/fronts/6-0"} {
			third.want(TypeRm, 0, p+"|", "!EACCES")
			third.want(TypeWrite, 0, p+"|x", "!EACCES")
			third.want(TypeSetPerms, 0, p+"|b7|", "!EACCES")
			tx := third.begin()
			third.want(TypeRm, tx, p+"|", "!EACCES")
			third.want(TypeTransactionEnd, tx, "F|", "OK|")
		}
		third.want(TypeRead, 0, "/idc/d@a/fronts/6-0|", "!EACCES")
		third.want(TypeDirectory, 0, "/idc/d@a/fronts|", "!EACCES")
		third.want(TypeWrite, 0, "/idc/d@a/fronts/6-0/x|", "!EACCES")
		third.want(TypeMkdir, 0, "/idc/d@a/else|", "!EACCES")
	})
	t.Run("Rules", func(t *testing.T) {
		third.want(TypeWrite, 0, "/idc/d@a/fronts/6-1|", "!EACCES") // another's name
		third.want(TypeWrite, 0, "/idc/d@a/fronts/70|", "!EACCES")
		third.want(TypeWrite, 0, "/idc/d@a/fronts/7-1|", "OK|")
		front.want(TypeWrite, 0, "/idc/x@a|6", "!EPERM")
		front.want(TypeMkdir, 0, "/idc/y@a|", "OK|")
	})
	t.Run("NotInPassing", func(t *testing.T) {
		front.want(TypeWrite, 0, "/idc/d@gone/fronts/6-0|", "!ENOENT")
		front.want(TypeMkdir, 0, "/idc/d@gone/fronts|", "!ENOENT")
		front.want(TypeRead, 0, "/idc/d@gone|", "!ENOENT")
	})
	t.Run("NoConflict", func(t *testing.T) {
		tx := server.begin()
		server.want(TypeDirectory, tx, "/idc/d@a/fronts|", "6-0|7-1|")
		server.want(TypeWrite, tx, "/idc/d@b|5", "OK|")
		third.want(TypeWrite, 0, "/idc/e@a|7", "OK|")
		third.want(TypeRm, 0, "/idc/d@a/fronts/7-1|", "OK|")
		third.want(TypeWrite, 0, "/idc/d@a/fronts/7-2|", "OK|")
		other := third.begin()
		third.want(TypeWrite, other, "/idc/e@b|7", "OK|")
		third.want(TypeTransactionEnd, other, "T|", "OK|")
		server.want(TypeTransactionEnd, tx, "T|", "OK|")
		server.want(TypeRead, 0, "/idc/d@b|", "5")
		// The same node is a conflict.
		tx, other = server.begin(), third.begin()
		server.want(TypeWrite, tx, "/idc/f@a|5", "OK|")
		third.want(TypeWrite, other, "/idc/f@a|7", "OK|")
		server.want(TypeTransactionEnd, tx, "T|", "OK|")
		third.want(TypeTransactionEnd, other, "T|", "!EAGAIN")
	})
	t.Run("Removal", func(t *testing.T) {
		front.want(TypeRm, 0, "/idc/d@a/fronts/6-0|", "OK|")
		front.want(TypeRm, 0, "/idc/d@a/fronts/6-0|", "OK|") // gone already
		server.want(TypeRm, 0, "/idc/d@a|", "OK|")           // with what others made in it
		third.want(TypeRead, 0, "/idc/d@a/fronts/7-2|", "!ENOENT")
		server.want(TypeRead, 0, "/idc|", "")
	})
}

// Events about what one domain does in a shared directory reach its owner, and no third.
func TestSharedEvents(t *testing.T) {
	w := meeting(t)
	server, front, third := w.raw(5), w.raw(6), w.raw(7)
	server.want(TypeWrite, 0, "/idc/d@a|5", "OK|")
	server.want(TypeSetPerms, 0, "/idc/d@a|r5|", "OK|")
	server.want(TypeMkdir, 0, "/idc/d@a/fronts|", "OK|")
	server.want(TypeSetPerms, 0, "/idc/d@a/fronts|n5|", "OK|")
	for _, c := range []*raw{server, third} {
		c.want(TypeWatch, 0, "/idc/d@a|t|", "OK|")
		c.events()
	}
	front.want(TypeWrite, 0, "/idc/d@a/fronts/6-0|", "OK|")
	front.want(TypeRm, 0, "/idc/d@a/fronts/6-0|", "OK|")
	if e := server.events(); len(e) == 0 {
		t.Error("the owner hears nothing")
	}
	if e := third.events(); len(e) > 0 {
		t.Errorf("a third hears %v", e)
	}
}

// A shared directory holds as much as its domains may have, and each of them only so
// much of it.
func TestSharedCapacity(t *testing.T) {
	w := meeting(t)
	w.s.mu.Lock()
	w.s.shared[0].Most = 500
	w.s.mu.Unlock()
	for i, dom := range []platform.DomID{5, 6, 7} {
		d := w.raw(dom)
		for n := range 500 {
			d.want(TypeWrite, 0, fmt.Sprintf("/idc/service@%d-%d|", dom, n), "OK|")
		}
		d.want(TypeWrite, 0, fmt.Sprintf("/idc/service@%d-x|", dom), "!ENOSPC")
		tx := d.begin()
		d.want(TypeWrite, tx, fmt.Sprintf("/idc/service@%d-x|", dom), "!ENOSPC")
		if i == 0 { // what is removed makes room
			d.want(TypeRm, 0, "/idc/service@5-0|", "OK|")
			d.want(TypeWrite, 0, "/idc/service@5-x|", "OK|")
		}
	}
	names, err := w.s.Local().List(t.Context(), NoTx, "/idc")
	if err != nil || len(names) != 1500 {
		t.Errorf("%d services, %v", len(names), err)
	}
}

// All domains of a user together may have only so much, whatever each may.
func TestUserQuota(t *testing.T) {
	w := newWorld(t, Options{
		Quota: Quota{Nodes: 100}, UserQuota: UserQuota{Nodes: 25, Memory: 20_000, Watches: 3, Transactions: 3},
	})
	a := w.raw(0)
	for _, dom := range []platform.DomID{5, 6, 7} {
		a.want(TypeMkdir, 0, fmt.Sprintf("/d%d|", dom), "OK|")
		a.want(TypeSetPerms, 0, fmt.Sprintf("/d%d|n%d|", dom, dom), "OK|")
		w.s.IntroduceAs(dom, 1000+uint32(dom/7)) // 7 is another's
	}
	x, y, other := w.raw(5), w.raw(6), w.raw(7)
	for i := range 12 {
		x.want(TypeMkdir, 0, fmt.Sprintf("/d5/%d|", i), "OK|")
	}
	tx := y.begin()
	for i := range 11 {
		y.want(TypeMkdir, tx, fmt.Sprintf("/d6/%d|", i), "OK|")
	}
	y.want(TypeMkdir, tx, "/d6/x|", "!ENOSPC")
	y.want(TypeTransactionEnd, tx, "T|", "OK|")
	x.want(TypeMkdir, 0, "/d5/x|", "!ENOSPC")
	y.want(TypeMkdir, 0, "/d6/x|", "!ENOSPC")
	other.want(TypeMkdir, 0, "/d7/x|", "OK|")
	x.want(TypeRm, 0, "/d5/0|", "OK|")
	y.want(TypeMkdir, 0, "/d6/x|", "OK|")

	big := strings.Repeat("v", 2000)
	full := 0
	for i := range 11 {
		got, _ := y.ask(TypeWrite, 0, fmt.Sprintf("/d6/%d|%s", i, big))
		if got == "!ENOSPC" {
			full++
		}
	}
	if full < 4 || full > 7 {
		t.Errorf("%d of 11 values of 2000 bytes were refused", full)
	}
	other.want(TypeWrite, 0, "/d7/x|"+big, "OK|")

	x.want(TypeWatch, 0, "/a|1|", "OK|")
	y.want(TypeWatch, 0, "/a|1|", "OK|")
	y.want(TypeWatch, 0, "/a|2|", "OK|")
	x.want(TypeWatch, 0, "/a|2|", "!ENOSPC")
	other.want(TypeWatch, 0, "/a|1|", "OK|")
	x.begin()
	y.begin()
	y.begin()
	x.want(TypeTransactionStart, 0, "|", "!ENOSPC")
	other.begin()

	w.s.Release(6)
	x.want(TypeWatch, 0, "/a|2|", "OK|")
	x.want(TypeMkdir, 0, "/d5/x|", "OK|")
}
