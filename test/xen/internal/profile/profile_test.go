package profile

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// printed is what QEMU 7.2 prints of two processors, without most registers.
const printed = `
CPU#0
RAX=0000000000000000 RBX=ffff83013ffd7fff RCX=0000000000000000 RDX=0000000000000001
RIP=ffff82d040203ace RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
ES =0000 0000000000000000 ffffffff 00c00000
FS =0000 0000000000000000 00000000 00000000
GS =0000 ffff88805f600000 ffffffff 00c00000

CPU#1
RAX=0000000000000000 RBX=ffff83013ffd7fff RCX=0000000000000000 RDX=0000000000000001
RIP=0000000000401234 RFL=00000246 [---Z-P-] CPL=3 II=0 A20=1 SMM=0 HLT=0
GS =0000 0000000000000000 ffffffff 00c00000
`

func TestParse(t *testing.T) {
	got, err := parse(strings.ReplaceAll(printed, "\n", "\r\n"))
	want := []Sample{{PC: 0xffff82d040203ace, GS: 0xffff88805f600000, Idle: true}, {PC: 0x401234}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	if _, err := parse("unknown command: 'info registers'"); err == nil {
		t.Error("took a complaint for an answer")
	}
}

func TestReadProgram(t *testing.T) {
	self := filepath.Join(t.TempDir(), "gofmt")
	build := exec.Command("go", "build", "-ldflags=-s -w", "-o", self, "cmd/gofmt")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	s, err := ReadProgram(self)
	if err != nil {
		t.Fatal(err)
	}
	main := s.table.LookupFunc("main.main")
	if main == nil {
		t.Fatal("main.main isn't known")
	}
	if got := s.Name(main.Entry + 1); got != "main.main" {
		t.Errorf("within main.main: %q", got)
	}
	if got := s.Name(1); got != "" {
		t.Errorf("at 1: %q", got)
	}
}

func TestReport(t *testing.T) {
	linux, err := ReadKallsyms(strings.NewReader("ffffffff81000100 T second\nffffffff81000000 T first\n"))
	if err != nil {
		t.Fatal(err)
	}
	xen, err := ReadKallsyms(strings.NewReader("ffff82d040200000 t hypercall\n"))
	if err != nil {
		t.Fatal(err)
	}
	samples := []Sample{
		{PC: 0xffffffff81000104, GS: direct + 5<<20}, {PC: 0xffffffff81000100, GS: direct + 5<<20},
		{PC: 0xffffffff810000ff, GS: direct + 2<<30}, {PC: 0xffff82d040200001},
		{PC: 0xffff82d040203ace, Idle: true}, {PC: 0x401234}, {PC: 0x00ff000000000000}, {PC: 1},
	}
	var got bytes.Buffer
	if err := Report(&got, samples, Names{Linux: linux, Xen: xen, Dom0Above: 1 << 30}, 3); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{" 25.0 %  Linux, domU\n", " 25.0 %  Linux, domU    second", " 12.5 %  Linux, dom0\n", " 12.5 %  idle\n", " 12.5 %  Xen\n"} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %q in:\n%s", want, got.String())
		}
	}
}
