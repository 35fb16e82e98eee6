package golang

import (
	"go/token"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xenidc/idc/idl/schema"
)

// initialisms are words that Go writes in capitals.
var initialisms = map[string]string{"id": "ID", "abi": "ABI", "arm": "ARM", "usb": "USB", "url": "URL", "uuid": "UUID"}

// Exported is name as an exported identifier: words begin with a capital, and what stood between them is gone.
func Exported(name string) string {
	var b strings.Builder
	for _, w := range words(name) {
		if s := initialisms[w]; s != "" {
			b.WriteString(s)
			continue
		}
		r, n := utf8.DecodeRuneInString(w)
		b.WriteRune(unicode.ToUpper(r))
		b.WriteString(w[n:])
	}
	if s := b.String(); token.IsExported(s) {
		return s
	}
	return "X" + b.String()
}

// Unexported is Exported with a small first word. It may be a word of Go's: whoever declares it looks.
func Unexported(name string) string {
	ws := words(name)
	if len(ws) == 0 || unicode.IsDigit(rune(ws[0][0])) {
		return "x" + Exported(name)[min(1, len(ws)):]
	}
	s := strings.ToLower(ws[0])
	if len(ws) > 1 {
		s += strings.TrimPrefix(Exported("a_"+strings.Join(ws[1:], "_")), "A")
	}
	return s
}

func words(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// Package is the name of the Go package for a protocol: the protocol's own, unless Go can't have a package of that name that
// others import. Then it ends in idc.
func Package(p *schema.Protocol) string {
	n := p.Name
	if !token.IsIdentifier(n) || n == "_" || n == "main" || n == "init" || n == "documentation" || strings.HasSuffix(n, "_test") {
		return n + "idc"
	}
	return n
}

// FileBase is what the names of the package's files begin with: the protocol's name, unless the go command would take its
// last word for a machine that the file is for, or leave a file of that name out. Then it gets a word more.
func FileBase(p *schema.Protocol) string {
	base := p.Name
	if strings.HasPrefix(base, "_") {
		base = "idc" + base
	}
	if _, tail, found := strings.Cut(base, "_"); found {
		list := strings.Split(tail, "_")
		if n := len(list); n > 0 && list[n-1] == "test" {
			list = list[:n-1]
		}
		if n := len(list); n > 0 && slices.Contains(machines, list[n-1]) {
			base += "_idc"
		}
	}
	return base
}

// machines are the operating systems and processors that the go command knows in the names of files, now or once (go/build,
// internal/syslist).
var machines = strings.Fields(`aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris
	wasip1 windows zos
	386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le
	riscv riscv64 s390 s390x sparc sparc64 wasm`)
