package gen

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestCases compiles the protocols of testdata/cases, each a kind of thing that is easily
// compiled wrongly, and runs what was generated with the tests beside them, which know
// the right bytes. All are built as one module.
func TestCases(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs a module; -short")
	}
	m := newModule(t)
	names, err := os.ReadDir("testdata/cases")
	if err != nil || len(names) == 0 {
		t.Fatal("no cases: ", err)
	}
	for _, name := range names {
		m.add(name.Name())
	}
	m.run("vet", "./...")
	m.run("test", "./...")
}

// module is a Go module of generated packages that uses this one.
type module struct {
	t   *testing.T
	dir string
}

func newModule(t *testing.T) *module {
	t.Helper()
	root, err := filepath.Abs("../../../..")
	if err != nil {
		t.Fatal(err)
	}
	m := &module{t, t.TempDir()}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("go.sum", sum)
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	const us = "github.com/xenidc/idc"
	text := strings.Replace(string(mod), "module "+us+"\n", "module example.com/cases\n", 1)
	helper, err := os.ReadFile("testdata/raw/raw.go")
	if err != nil {
		t.Fatal(err)
	}
	m.write("raw/raw.go", helper)
	m.write("go.mod", []byte(text+"\nrequire "+us+" v0.0.0\n\nreplace "+us+" => "+root+"\n"))
	return m
}

// add generates the packages of a case and copies its tests beside them. A case with one
// protocol is its package; with several each has a package below.
func (m *module) add(name string) {
	m.t.Helper()
	src := filepath.Join("testdata/cases", name)
	protocols, err := filepath.Glob(filepath.Join(src, "*.idc"))
	if err != nil || len(protocols) == 0 {
		m.t.Fatalf("case %s has no protocol: %v", name, err)
	}
	for _, p := range protocols {
		dir := name
		if len(protocols) > 1 {
			dir = filepath.Join(name, strings.TrimSuffix(filepath.Base(p), ".idc"))
		}
		for _, f := range generate(m.t, p) {
			m.write(filepath.Join(dir, f.Name), f.Content)
		}
	}
	tests, _ := filepath.Glob(filepath.Join(src, "*_test.go"))
	for _, path := range tests {
		b, err := os.ReadFile(path)
		if err != nil {
			m.t.Fatal(err)
		}
		m.write(filepath.Join(name, filepath.Base(path)), b)
	}
}

func (m *module) write(name string, content []byte) {
	m.t.Helper()
	path := filepath.Join(m.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *module) run(args ...string) {
	m.t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = m.dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
