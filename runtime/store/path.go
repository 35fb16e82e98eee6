package store

import (
	"strconv"
	"strings"

	"github.com/xenidc/idc/runtime/platform"
)

const (
	// MaxAbsPath is the most bytes of an absolute path. XENSTORE_ABS_PATH_MAX of xs_wire.h
	// is one more: xenstored counts the NUL at the end (is_valid_nodename).
	MaxAbsPath = 3071
	// MaxRelPath is the most bytes of a relative path (XENSTORE_REL_PATH_MAX, xs_wire.h).
	MaxRelPath = 2048
)

// The names that are no nodes: watches on them fire when a domain arrives or ends.
const (
	IntroduceDomain = "@introduceDomain"
	ReleaseDomain   = "@releaseDomain"
)

// DomainPath is a domain's own subtree, /local/domain/N: what its relative paths are
// relative to. It has no slash at its end.
func DomainPath(dom platform.DomID) string {
	return "/local/domain/" + strconv.FormatUint(uint64(dom), 10)
}

// ValidPath says whether p is an absolute path that a store accepts: it starts with
// a slash, has no other at its end and no two together, at most MaxAbsPath bytes,
// and holds only letters, digits and "-/_@".
func ValidPath(p string) bool {
	if len(p) == 0 || len(p) > MaxAbsPath || p[0] != '/' {
		return false
	}
	if p == "/" {
		return true
	}
	return p[len(p)-1] != '/' && !strings.Contains(p, "//") && validChars(p)
}

func validChars(p string) bool {
	for i := 0; i < len(p); i++ {
		if !validChar(p[i]) {
			return false
		}
	}
	return true
}

func validChar(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '/' || c == '_' || c == '@'
}

// parentPath is the path above p, which is absolute and valid. The root's is "".
func parentPath(p string) string {
	if p == "/" {
		return ""
	}
	if i := strings.LastIndexByte(p, '/'); i > 0 {
		return p[:i]
	}
	return "/"
}

// baseName is the last part of p, which is absolute and valid.
func baseName(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }

// childPath is the path of the child called name.
func childPath(parent, name string) string {
	if parent == "/" {
		return "/" + name
	}
	return parent + "/" + name
}

// canonical makes a path absolute for a domain. It reports false for one that no
// store accepts, and for a name that starts with @, which is no node's.
func canonical(p string, dom platform.DomID) (string, bool) {
	if strings.HasPrefix(p, "/") {
		return p, ValidPath(p)
	}
	if p == "" || p[0] == '@' || len(p) > MaxRelPath {
		return "", false
	}
	abs := DomainPath(dom) + "/" + p
	return abs, ValidPath(abs)
}

// unrelative gives an event's path in the form in which its watch was set.
func unrelative(path, prefix string) string {
	if prefix == "" {
		return path
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, prefix), "/")
}
