package lint

// Rule is something that a file of the project must keep to.
type Rule struct {
	ID  string // stable, as shown with a finding
	Why string // the reason, shown with it
	// check reports what breaks the rule in one file.
	check func(f *file, report func(line int, what string))
}

// MaxLines is how long a file may be that a person wrote.
const MaxLines = 600

// Rules are applied to every Go file of the project.
var Rules = []Rule{
	{"unsafe", "memory that a peer can write is reached through bounded accessors, which are few enough to read", checkUnsafe},
	{"cgo", "the project is pure Go: it builds for every GOARCH without a C compiler", checkCgo},
	{"order", "dependence goes one way; docs/architecture.md says which and why", checkOrder},
	{"gate", "some packages are for some users only; docs/architecture.md says which and why", checkGates},
	{"size", "a file is about one concept", checkSize},
	{"later", "what is missing stands in an issue, where it is seen, not in the code", checkLater},
	{"documented", "units, ownership, blocking and errors can't be read off a signature", checkDocumented},
}

// unsafeAllowed says where unsafe may be imported: a directory, and what the
// file's name ends in.
var unsafeAllowed = []struct{ dir, suffix string }{
	{"runtime/shm", "_unsafe.go"},
	{"runtime/internal/sys", ".go"},
}

// documented says where every exported name has a comment: what people use.
var documented = []string{"runtime/...", "idl/...", "generated/...", "drivers/..."}

// undocumented are methods whose interface documents them.
var undocumented = map[string]bool{
	"Error": true, "Unwrap": true, "Is": true, "As": true, "String": true,
	"Len": true, "Less": true, "Swap": true,
}
