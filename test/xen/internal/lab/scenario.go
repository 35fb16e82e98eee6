package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// EnableVariable names the environment variable that asks for the lab: 1 to boot a
// machine for the tests, or the directory of one that runs.
const EnableVariable = "IDC_LAB"

// shared is the machine of this process's tests.
var shared struct {
	sync.Mutex
	machine *Machine
	err     error
	dir     string
}

// Main runs a package's tests, and ends the machine that they booted. Call it as
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
func Main(m *testing.M) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if shared.machine != nil {
		if err := shared.machine.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			code = 1
		}
	}
	if shared.dir != "" {
		if err := os.RemoveAll(shared.dir); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			code = 1
		}
	}
	return code
}

// Open returns the machine that all tests of the process share; the first call boots
// it. Without IDC_LAB the test is skipped. With it, a machine that doesn't come up fails
// the test.
func Open(t testing.TB) *Machine {
	t.Helper()
	want := os.Getenv(EnableVariable)
	if want == "" {
		t.Skip("real Xen takes a minute: run it with make lab, or set " + EnableVariable + "=1")
	}
	shared.Lock()
	defer shared.Unlock()
	if shared.machine == nil && shared.err == nil {
		shared.machine, shared.err = open(t, want)
	}
	if shared.err != nil {
		t.Fatalf("the lab isn't there: %v", shared.err)
	}
	m := shared.machine
	since := m.uptime(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(m.logs(since))
		}
	})
	return m
}

// open boots, or connects. The context of the first test isn't that of the others.
func open(t testing.TB, want string) (*Machine, error) {
	progress := func(s string) { t.Log(s) }
	if want != "1" {
		m, err := Attach(context.Background(), want)
		if err != nil {
			return nil, err
		}
		return m, m.putIDC(context.Background())
	}
	dir, err := os.MkdirTemp("", "xenidc-lab-")
	if err != nil {
		return nil, err
	}
	shared.dir = dir
	return Boot(context.Background(), dir, progress)
}

// PutTestBinary builds the tests of a package, named as at the project's root, and puts
// them into dom0 and every domU that is started later, in PATH. It returns its name.
func (m *Machine) PutTestBinary(t testing.TB, pkg string) string {
	t.Helper()
	bin, err := BuildTest(t.Context(), t.TempDir(), pkg)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.InstallProgram(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(bin)
}

// RunTestBinary runs what PutTestBinary put there, with the given flags, such as
// -test.run=X, and reports each of its tests as a subtest of t.
func (s *Shell) RunTestBinary(t *testing.T, name, flags string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), CommandTimeout)
	defer cancel()
	r, err := s.Exec(ctx, name+" -test.v "+flags)
	if err != nil {
		t.Fatal(err)
	}
	report(t, r.Stdout)
	if err := r.Err(); err != nil {
		t.Errorf("%s: %s: %v\n%s", s.name, name, err, r.Stderr)
	}
}
