package lint

import (
	"path"
	"strings"
)

// Module is the path of the project's Go module.
const Module = "github.com/xenidc/idc"

// Part is a set of packages that may depend on the same others.
type Part struct {
	// Path is a package's directory; with /... at its end, those below it, too. The
	// longest one that fits a package is its part.
	Path string
	// May lists the packages of the project that it may import, in the form of Path.
	// What a path is followed by /... for, its own packages included, is never implied.
	May []string
	// Outside lists the modules that it may import besides the standard library.
	Outside []string
	// Never lists packages of the standard library that it must not import.
	Never []string
	// Why gives the reason.
	Why string
}

// The parts of the tower that other parts name together.
const (
	xsys = "golang.org/x/sys"
	kong = "github.com/alecthomas/kong"
)

// Parts is the order of dependence, bottom first within each group. What isn't
// listed for a part is forbidden to it, and a package without a part is refused, so
// that its place is decided before it grows. Tests may import more; see Tests.
var Parts = []Part{
	// The language and its compiler.
	{Path: "idl/diag", Why: "diagnostics are the bottom of the compiler: every phase reports through them"},
	{Path: "idl/syntax", May: []string{"idl/diag"}, Outside: []string{"github.com/alecthomas/participle/v2"},
		Why: "the grammar is the AST; only this package parses"},
	{Path: "idl/schema", May: []string{"idl/diag"},
		Why: "names, offsets and sizes, without a trace of how they were written"},
	{Path: "idl/resolve", May: []string{"idl/diag", "idl/syntax", "idl/schema"},
		Why: "the one way from syntax to schema"},
	{Path: "idl/format", May: []string{"idl/diag", "idl/syntax"}, Outside: []string{"github.com/alecthomas/participle/v2/lexer"},
		Why: "prints what was written, so it must not depend on what it means; the AST's positions are the lexer's"},
	{Path: "idl/lint", May: []string{"idl/diag", "idl/schema"},
		Why: "judges the meaning, however it was spelt"},
	{Path: "idl/draw", May: []string{"idl/diag", "idl/schema", "idl/format"},
		Why: "writes text of what was compiled, however it was spelt, and leaves its form to the formatter"},
	{Path: "idl/stubs", May: []string{"idl/diag", "idl/schema"},
		Why: "what gets stubs is asked by the compiler, which says so, and by the generator, which makes them"},
	{Path: "idl/golang", May: []string{"idl/diag", "idl/schema", "idl/stubs"},
		Why: "what everything is called in Go, so that every command knows what can't be"},
	{Path: "idl/internal/golden", Outside: []string{"github.com/google/go-cmp"}, Why: "expected outputs, for the compiler's tests"},
	{Path: "idl/...", May: []string{"idl/..."},
		Why: "the façade and what is built of the phases; never the runtime: a compiler doesn't need what it compiles for"},
	{Path: "cmd/idcgen/internal/gen", May: []string{"idl/diag", "idl/schema", "idl/golang", "cmd/idcgen/internal/gen/..."},
		Outside: []string{"github.com/dave/jennifer"},
		Why:     "emits from the schema alone; with the syntax at hand it would emit spelling"},
	{Path: "cmd/idcgen/internal/gen/zoo", May: []string{"runtime/idc"}, Never: []string{"reflect"},
		Why: "stubs of everything that the language has, for the generator's tests; imported by nobody"},
	{Path: "cmd/idcgen/internal/randproto", Why: "draws protocols, and knows nothing of what the compiler makes of them"},
	{Path: "cmd/idcgen/internal/reading", Why: "reads a layout's JSON and slots with nothing of the compiler, so that it can judge it"},
	{Path: "cmd/idcgen/internal/wiretest", May: []string{"cmd/idcgen/internal/reading", "runtime/idc", "runtime/idc/idctest"},
		Why: "holds stubs to a layout's JSON, over the runtime; imported by what tests make"},
	{Path: "cmd/idcgen/internal/batch", May: []string{"idl/...", "cmd/idcgen/internal/gen", "cmd/idcgen/internal/reading"},
		Why: "builds and tests many protocols at once; for tests"},
	{Path: "cmd/idcgen/...", May: []string{"idl/...", "cmd/idcgen/internal/..."}, Outside: []string{kong, "github.com/rogpeppe/go-internal/diff"},
		Why: "the compiler's command builds without the runtime, so a broken runtime can be regenerated for"},
	{Path: "protocols", Why: "the .idc files, embedded"},

	// The runtime, bottom first.
	{Path: "runtime/internal/sys", Outside: []string{xsys}, Never: []string{"log", "log/slog"},
		Why: "the system calls; unsafe is allowed here"},
	{Path: "runtime/shm", Never: []string{"log", "log/slog", "reflect", "syscall"},
		Why: "bounded access to memory that a peer can write; unsafe is allowed in *_unsafe.go"},
	{Path: "runtime/ring", May: []string{"runtime/shm"},
		Never: []string{"context", "log", "log/slog", "os", "reflect", "sync", "syscall", "time"},
		Why:   "index arithmetic, so that it can be tested over a plain slice: no system calls, no goroutines"},
	{Path: "runtime/platform", May: []string{"runtime/shm"}, Never: []string{"log", "log/slog", "os", "reflect", "syscall"},
		Why: "the contract between the tower and the platforms; no code that runs"},
	{Path: "runtime/evtchn", May: []string{"runtime/shm", "runtime/platform"}, Never: []string{"log", "reflect", "syscall"},
		Why: "the structure of pending events, on any memory"},
	{Path: "runtime/grant", May: []string{"runtime/shm", "runtime/platform"}, Never: []string{"log", "syscall"},
		Why: "grants kept and found again, on any platform"},
	{Path: "runtime/store", May: []string{"runtime/platform"}, Never: []string{"log", "reflect"},
		Why: "the xenstore's protocol, over any connection; it shares no memory"},
	{Path: "runtime/transport", May: []string{"runtime/shm", "runtime/ring", "runtime/platform", "runtime/evtchn", "runtime/grant"},
		Never: []string{"log", "reflect", "syscall"},
		Why:   "transactions over a ring; it knows nothing of names and states, so not the store"},
	{Path: "runtime/idc", May: []string{"runtime/shm", "runtime/ring", "runtime/platform", "runtime/evtchn", "runtime/grant",
		"runtime/store", "runtime/transport"}, Never: []string{"log", "reflect"},
		Why: "the top of the tower, and the one import of generated code; it knows no platform, so that a driver runs on each"},

	// Beside the tower.
	{Path: "runtime/platform/sim", May: []string{"runtime/shm", "runtime/platform", "runtime/evtchn", "runtime/grant", "runtime/store"},
		Never: []string{"log", "syscall"},
		Why:   "domains within one process; for tests"},
	{Path: "runtime/platform/host/...", May: []string{"runtime/internal/sys", "runtime/shm", "runtime/platform", "runtime/evtchn",
		"runtime/grant", "runtime/store", "runtime/platform/host/..."}, Outside: []string{xsys}, Never: []string{"log", "reflect"},
		Why: "domains that are processes of one machine"},
	{Path: "runtime/platform/xen", May: []string{"runtime/internal/sys", "runtime/shm", "runtime/platform", "runtime/store"},
		Outside: []string{xsys}, Never: []string{"log", "reflect"},
		Why: "the domain that Xen runs us in; it stands on the kernel's devices, not on our own grants and events"},
	{Path: "runtime/platform/platformtest", May: []string{"internal/testenv", "runtime/shm", "runtime/platform", "runtime/store"},
		Why: "the contract as a suite; imported by tests alone"},
	{Path: "runtime/idc/idctest", May: []string{"runtime/idc", "runtime/platform", "runtime/platform/sim", "runtime/store"},
		Why: "two domains for a driver author's tests; imported by tests alone"},

	// On top.
	{Path: "generated/...", May: []string{"runtime/idc"}, Never: []string{"reflect"},
		Why: "stubs see one package of ours, so the rest can change without regenerating"},
	{Path: "drivers/...", May: []string{"generated/...", "runtime/idc", "drivers/..."},
		Outside: []string{xsys},
		Why:     "a driver is written on stubs and runs on every platform, so it names none"},
	{Path: "cmd/idc/...", May: []string{"generated/...", "drivers/...", "runtime/idc", "runtime/platform/...", "runtime/store",
		"runtime/shm", "cmd/idc/..."}, Outside: []string{kong, xsys},
		Why: "a command chooses the platform"},
	{Path: "examples/...", May: []string{"generated/...", "drivers/...", "runtime/idc", "runtime/platform/host", "examples/..."},
		Why: "what a user of ours would import"},

	// The project's own tools.
	{Path: "internal/lint/...", May: []string{"internal/lint/..."}, Why: "judges the tree from outside"},
	{Path: "internal/docs", Outside: []string{kong}, Why: "tests that the documents say what the files and the commands do"},
	{Path: "internal/testenv", Outside: []string{xsys}, Why: "leak checks and earned skips, for every test"},
	{Path: "test/...", May: []string{"..."}, Outside: []string{"..."}, Why: "tests of the whole"},
}

// Gate is a package that only some may import, whatever else they may.
type Gate struct {
	// Path names the package, in the form of Part.Path.
	Path string
	// From lists who may import it: besides tests, which always may if Tests is set.
	From  []string
	Tests bool
	// Why gives the reason.
	Why string
}

// Gates are the prohibitions that hold for everybody, tests included.
var Gates = []Gate{
	{Path: "cmd/...", From: []string{"cmd/..."}, Why: "a command is a leaf"},
	{Path: "test/...", From: []string{"test/..."}, Why: "a test is a leaf"},
	{Path: "examples/...", From: []string{"examples/..."}, Tests: true, Why: "an example is a leaf"},
	{Path: "bench/...", From: []string{"bench/..."}, Why: "the benchmark is a module of its own, with dependencies that the project must not get"},
	{Path: "runtime/platform/platformtest", Tests: true, Why: "the contract's suite is for tests"},
	{Path: "runtime/idc/idctest", From: []string{"cmd/idcgen/internal/wiretest"}, Tests: true, Why: "the pair of domains is for tests"},
	{Path: "internal/testenv", From: []string{"runtime/platform/platformtest", "test/..."}, Tests: true, Why: "the leak checks are for tests"},
	{Path: "internal/docs", Tests: true, Why: "the comparison of a manual with its command is for tests"},
	{Path: "cmd/idcgen/internal/batch", Tests: true, Why: "the batch of protocols is for tests"},
	{Path: "idl/internal/golden", Tests: true, Why: "expected outputs are for tests"},
	{Path: "runtime/internal/sys", From: []string{"runtime/shm", "runtime/platform/..."}, Tests: true, Why: "system calls are the platforms' business"},
}

// partOf returns the part of a package's directory, or nil.
func partOf(parts []Part, dir string) *Part {
	var best *Part
	for i := range parts {
		if fits(parts[i].Path, dir) && (best == nil || len(parts[i].Path) > len(best.Path)) {
			best = &parts[i]
		}
	}
	return best
}

// fits reports whether the pattern names the path: the path itself, or what is
// below it for a pattern that ends in /... .
func fits(pattern, p string) bool {
	if pattern == "..." {
		return true
	}
	if tree, ok := strings.CutSuffix(pattern, "/..."); ok {
		return p == tree || strings.HasPrefix(p, tree+"/")
	}
	return path.Clean(pattern) == p
}

// fitsAny reports whether one of the patterns names the path.
func fitsAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if fits(pattern, p) {
			return true
		}
	}
	return false
}
