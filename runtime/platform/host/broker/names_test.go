//go:build linux

package broker

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
)

// step is one announcement: what becomes of it.
type step struct {
	uid, gid uint32
	name     string
	want     error
}

func TestNames(t *testing.T) {
	for title, c := range map[string]struct {
		rules []NameRule
		steps []step
	}{
		"first come": {nil, []step{
			{1000, 0, "vbd@a", nil},
			{1000, 0, "vbd@a", nil}, // again, by another of his domains
			{1001, 0, "vbd@a", syscall.EACCES},
			{1001, 0, "vbd@b", nil},
			{0, 0, "vbd@root", nil},
			{1000, 0, "vbd@root", syscall.EACCES},
			{0, 0, "vbd@a", nil}, // root takes it
			{1000, 0, "vbd@a", syscall.EACCES},
		}},
		"rules": {[]NameRule{{"vbd@a*", []uint32{1000}, nil}, {"vbd@*", nil, []uint32{50}}, {"kv@x", nil, nil}}, []step{
			{1001, 50, "vbd@a1", syscall.EACCES}, // the first rule that is about it
			{1000, 0, "vbd@a1", nil},
			{1000, 0, "vbd@b", syscall.EACCES},
			{1001, 50, "vbd@b", nil},
			{1002, 50, "vbd@b", nil}, // the group's
			{1000, 50, "kv@x", syscall.EACCES},
			{0, 0, "kv@x", nil},
			{1000, 0, "kv@y", nil},
			{1001, 0, "kv@y", syscall.EACCES},
		}},
	} {
		t.Run(title, func(t *testing.T) {
			n, err := newNames(c.rules)
			if err != nil {
				t.Fatal(err)
			}
			for i, s := range c.steps {
				dom := platform.DomID(i + 1) // each a domain of its own
				n.join(dom, who{uid: s.uid, gid: s.gid})
				if err := n.may(dom, s.name); !errors.Is(err, s.want) {
					t.Errorf("step %d, %+v: %v", i, s, err)
				}
				n.leave(dom)
			}
			if n.may(77, "kv@z") == nil {
				t.Error("a domain that didn't join may serve")
			}
		})
	}
	if _, err := newNames([]NameRule{{Pattern: "["}}); err == nil {
		t.Error("a bad pattern was accepted")
	}
}

// One user can't have all names remembered as his.
func TestNamesAreBounded(t *testing.T) {
	n, _ := newNames(nil)
	n.join(1, who{uid: 1000})
	n.join(2, who{uid: 1001})
	n.join(3, who{uid: 0})
	for i := range maxOwned {
		if err := n.may(1, fmt.Sprint("a", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.may(1, "one more"); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if err := n.may(2, "one more"); err != nil {
		t.Error(err)
	}
	if n.may(3, "a0") != nil || n.may(1, "in its place") != nil {
		t.Error("a name that root took isn't given back")
	}
}
