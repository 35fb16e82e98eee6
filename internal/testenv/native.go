package testenv

import (
	"os"
	"testing"
)

// Native skips the test where the tests of another processor run in an emulator of user
// programs, as scripts/test says by IDC_EMULATED. Such a program can't start itself, and
// the emulator passes on only those system calls that it knows: what needs more is
// tested on the machine's own processor.
func Native(t testing.TB) {
	t.Helper()
	if os.Getenv("IDC_EMULATED") != "" {
		t.Skip("an emulated program can't do that; the machine's own processor runs this test")
	}
}
