package testenv

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
)

// Output32 runs a C program that was built for 32-bit x86 (gcc -m32) and returns
// what it prints to its standard output. Where the kernel refuses such programs,
// being built without IA32 emulation or started with it off, it runs in qemu-i386.
// It fails the test if that is missing, or if the program fails.
func Output32(t testing.TB, exe string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(exe, args...)
	if !runsIA32(exe) {
		emulator, err := exec.LookPath("qemu-i386")
		if err != nil {
			t.Fatal("this kernel doesn't run 32-bit x86 programs, and there is no qemu-i386: apt-get install qemu-user")
		}
		cmd = exec.Command(emulator, append([]string{exe}, args...)...)
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd, err)
	}
	return out
}

// ia32 is what the kernel answered to the first program that it was given.
var ia32 struct {
	once sync.Once
	runs bool
}

// runsIA32 says whether the kernel runs programs for 32-bit x86, of which exe is
// one. With IDC_IA32=emulate in the environment it is taken to refuse.
func runsIA32(exe string) bool {
	ia32.once.Do(func() {
		cmd := exec.Command(exe)
		err := cmd.Start()
		if err == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		ia32.runs = !errors.Is(err, syscall.ENOEXEC) && os.Getenv("IDC_IA32") != "emulate"
	})
	return ia32.runs
}
