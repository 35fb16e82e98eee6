package store

import (
	"fmt"
	"strconv"

	"github.com/xenidc/idc/runtime/platform"
)

// Rights is what a permission allows: a set of PermRead and PermWrite.
type Rights uint8

// What a permission may allow. The wire spells the four sets n, r, w and b.
const (
	PermNone  Rights = 0
	PermRead  Rights = 1
	PermWrite Rights = 2
	PermBoth  Rights = PermRead | PermWrite

	// permOwner is held by a node's owner and by privileged domains: the right to
	// change permissions. It never stands in a list.
	permOwner Rights = 4
)

// Perm is one entry of a node's list of permissions. The first entry of a list is
// different from the rest: its Dom owns the node and may do everything; its
// Rights are those of every domain that the list doesn't name.
type Perm struct {
	Dom    platform.DomID
	Rights Rights
}

// String is the wire's form of the entry, such as r5.
func (p Perm) String() string {
	return string("nrwb"[p.Rights&PermBoth]) + strconv.FormatUint(uint64(p.Dom), 10)
}

// ParsePerm reads the form that String writes.
func ParsePerm(s string) (Perm, error) {
	var p Perm
	if len(s) < 2 {
		return p, fmt.Errorf("permission %q: want a letter of n, r, w, b and a domain's number", s)
	}
	switch s[0] {
	case 'n':
	case 'r':
		p.Rights = PermRead
	case 'w':
		p.Rights = PermWrite
	case 'b':
		p.Rights = PermBoth
	default:
		return p, fmt.Errorf("permission %q: want n, r, w or b first", s)
	}
	dom, err := strconv.ParseUint(s[1:], 10, 16)
	if err != nil {
		return p, fmt.Errorf("permission %q: bad domain: %w", s, err)
	}
	p.Dom = platform.DomID(dom)
	return p, nil
}

// parsePerms reads a list; it must have at least one entry.
func parsePerms(list []string) ([]Perm, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("no permissions: want the owner first")
	}
	out := make([]Perm, len(list))
	for i, s := range list {
		p, err := ParsePerm(s)
		if err != nil {
			return nil, err
		}
		out[i] = p
	}
	return out, nil
}

// appendPerms appends the wire's form of a list, each entry ended by a NUL.
func appendPerms(b []byte, perms []Perm) []byte {
	for _, p := range perms {
		b = append(b, p.String()...)
		b = append(b, 0)
	}
	return b
}
