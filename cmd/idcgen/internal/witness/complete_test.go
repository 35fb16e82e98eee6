package witness

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	define     = regexp.MustCompile(`(?m)^[ \t]*#[ \t]*define[ \t]+([A-Z][A-Z0-9_]*)[ \t]+\S`)
	enumerator = regexp.MustCompile(`(?m)^[ \t]+(USB_VER_[A-Z0-9]+)`)
	comment    = regexp.MustCompile(`(?s)/\*.*?\*/`)
	directive  = regexp.MustCompile(`(?m)^[ \t]*#.*$`)
	structHead = regexp.MustCompile(`(?m)^struct (\w+) \{`)
	member     = regexp.MustCompile(`(\w+)(?:\[\w+\])?[ \t\n]*$`)
)

func read(t *testing.T, file string) string {
	t.Helper()
	src, err := os.ReadFile(filepath.Join("/usr/include", file))
	if err != nil {
		t.Fatalf("%v: apt-get install libxen-dev", err)
	}
	return comment.ReplaceAllString(string(src), " ")
}

// Every constant of a header is compared with one of ours, or excluded with a reason.
func TestNoConstantIsForgotten(t *testing.T) {
	for _, h := range []header{blkif, usbif} {
		src := read(t, h.file)
		if slices.Contains(h.prefixes, "XEN_IO_PROTO_ABI_") {
			src += read(t, "xen/io/protocols.h")
		}
		compared := ""
		for _, expr := range h.consts {
			compared += " " + expr + " "
		}
		found := 0
		for _, m := range append(define.FindAllStringSubmatch(src, -1), enumerator.FindAllStringSubmatch(src, -1)...) {
			name := m[1]
			if !slices.ContainsFunc(h.prefixes, func(p string) bool { return strings.HasPrefix(name, p) }) {
				continue
			}
			found++
			if !regexp.MustCompile(`\b`+name+`\b`).MatchString(compared) && h.excluded[name] == "" {
				t.Errorf("%s: %s is neither compared nor excluded", h.file, name)
			}
		}
		if found < 15 {
			t.Errorf("%s: only %d constants found; does the pattern still fit the header?", h.file, found)
		}
	}
}

// Every struct of a header, and every member of it, is one of ours.
func TestNoMemberIsForgotten(t *testing.T) {
	command := idcgen(t)
	for _, h := range []header{blkif, usbif} {
		l := layoutOf(t, command, h, "x86_32") // it has the pad that the others lack
		ours := map[string][]string{}
		for _, r := range l.Records {
			for _, f := range r.Fields {
				ours[h.records[r.Name]] = append(ours[h.records[r.Name]], f.Name)
			}
		}
		structs := 0
		for name, body := range structsOf(read(t, h.file)) {
			structs++
			theirs := members(body)
			if got := ours["struct "+name]; !slices.Equal(got, theirs) {
				t.Errorf("%s: struct %s has %v, ours %v", h.file, name, theirs, got)
			}
		}
		if structs != 5 {
			t.Errorf("%s: %d structs found, want 5; does the pattern still fit the header?", h.file, structs)
		}
	}
}

// documented finds the keys that a header describes, and multiQueue those that it only mentions.
var (
	documented = regexp.MustCompile(`(?m)^ \* ([a-z][a-z0-9%/-]*)(?:\[1...31\])?\n \*      Values:`)
	multiQueue = regexp.MustCompile(`"(multi-queue-[a-z-]+|feature-max-[a-z-]+)"`)
)

// Every key that a header describes is one of ours.
func TestNoKeyIsForgotten(t *testing.T) {
	command := idcgen(t)
	for _, h := range []header{blkif, usbif} {
		src, err := os.ReadFile(filepath.Join("/usr/include", h.file))
		if err != nil {
			t.Fatalf("%v: apt-get install libxen-dev", err)
		}
		ours := map[string]bool{}
		for _, k := range layoutOf(t, command, h, "x86_64").Keys {
			ours[k.Name] = true
		}
		found := append(documented.FindAllStringSubmatch(string(src), -1), multiQueue.FindAllStringSubmatch(string(src), -1)...)
		for _, m := range found {
			name := m[1]
			if strings.HasSuffix(name, "/") {
				name += "%u"
			}
			if !ours[name] {
				t.Errorf("%s: key %s is missing in %s", h.file, name, h.protocol)
			}
		}
		if len(found) < 7 {
			t.Errorf("%s: only %d keys found; does the pattern still fit the header?", h.file, len(found))
		}
		t.Logf("%s: %d keys", h.file, len(found))
	}
}

// structsOf finds the bodies of the structs at top level.
func structsOf(src string) map[string]string {
	src = directive.ReplaceAllString(src, "")
	out := map[string]string{}
	for _, m := range structHead.FindAllStringSubmatchIndex(src, -1) {
		depth, at := 1, m[1]
		for ; depth > 0 && at < len(src); at++ {
			switch src[at] {
			case '{':
				depth++
			case '}':
				depth--
			}
		}
		out[src[m[2]:m[3]]] = src[m[1] : at-1]
	}
	return out
}

// members lists the names of a body's own members; what is inside a nested union belongs to the union.
func members(body string) (names []string) {
	for {
		open := strings.IndexByte(body, '{')
		if open < 0 {
			break
		}
		depth, end := 1, open+1
		for ; depth > 0; end++ {
			switch body[end] {
			case '{':
				depth++
			case '}':
				depth--
			}
		}
		body = body[:open] + body[end:]
	}
	for _, decl := range strings.Split(body, ";") {
		for _, one := range strings.Split(decl, ",") {
			if m := member.FindStringSubmatch(one); m != nil {
				names = append(names, m[1])
			}
		}
	}
	return names
}
