package witness

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xenidc/idc/idl/layout"
	"github.com/xenidc/idc/internal/testenv"
)

// claim is a number of ours, under a label, and the C expression that the header must give the same value.
type claim struct {
	label, expr string
	want        int64
}

// tools fails the test, and says what to install, if the ground for it is missing. It is never skipped: nothing else
// checks these numbers against anything but themselves.
func tools(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Fatal("there is no gcc: apt-get install gcc gcc-multilib")
	}
	if _, err := os.Stat("/usr/include/xen/io/blkif.h"); errors.Is(err, os.ErrNotExist) {
		t.Fatal("Xen's public headers are missing: apt-get install libxen-dev")
	}
	probe := filepath.Join(t.TempDir(), "probe.c")
	if err := os.WriteFile(probe, []byte("#include <stdio.h>\nint main(void) { return 0; }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-m32", "-o", probe+".out", probe).CombinedOutput(); err != nil {
		t.Fatalf("gcc can't build for 32 bits: apt-get install gcc-multilib\n%s", out)
	}
}

// idcgen builds the command once and returns its path.
func idcgen(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "idcgen")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/xenidc/idc/cmd/idcgen").CombinedOutput(); err != nil {
		t.Fatalf("build idcgen: %v\n%s", err, out)
	}
	return path
}

func TestHeaders(t *testing.T) {
	tools(t)
	command := idcgen(t)
	for _, h := range []header{blkif, usbif} {
		for abi, flag := range map[string]string{"x86_64": "-m64", "x86_32": "-m32"} {
			t.Run(h.protocol+"/"+abi, func(t *testing.T) {
				l := layoutOf(t, command, h, abi)
				claims := h.claims(t, l, abi)
				got := compileAndRun(t, h, claims, flag)
				for _, c := range claims {
					if have, ok := got[c.label]; !ok || have != c.want {
						t.Errorf("%s: the header says %d, idcgen %d", c.label, have, c.want)
					}
				}
				t.Logf("%d numbers agree", len(claims))
			})
		}
	}
}

// arm has no compiler here; its rules are those of x86_64, and so must its numbers be.
func TestARMIsLaidOutAsX86_64(t *testing.T) {
	command := idcgen(t)
	for _, h := range []header{blkif, usbif} {
		arm, wide := layoutOf(t, command, h, "arm"), layoutOf(t, command, h, "x86_64")
		for i := range arm.Records {
			arm.Records[i].ABI = "x86_64"
		}
		for i := range arm.Rings {
			arm.Rings[i].ABI = "x86_64"
		}
		if fmt.Sprint(arm.Records, arm.Rings) != fmt.Sprint(wide.Records, wide.Rings) {
			t.Errorf("%s: arm differs from x86_64", h.protocol)
		}
	}
}

func layoutOf(t *testing.T, command string, h header, abi string) *layout.Layout {
	t.Helper()
	cmd := exec.Command(command, "layout", "--abi", abi, "--json", "../../../../protocols/"+h.protocol)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var l layout.Layout
	if err := json.Unmarshal(out, &l); err != nil {
		t.Fatal(err)
	}
	return &l
}

// claims turns everything that has a number into C.
func (h header) claims(t *testing.T, l *layout.Layout, abi string) (list []claim) {
	for _, r := range l.Records {
		c, ok := h.records[r.Name]
		if !ok {
			h.needReason(t, r.Name)
			continue
		}
		list = append(list, claim{r.Name + " size", "sizeof(" + c + ")", int64(r.Size)},
			claim{r.Name + " alignment", "_Alignof(" + c + ")", int64(r.Align)})
		for _, f := range r.Fields {
			list = append(list,
				claim{r.Name + "." + f.Name + " offset", fmt.Sprintf("offsetof(%s, %s)", c, f.Name), int64(f.Offset)},
				claim{r.Name + "." + f.Name + " size", fmt.Sprintf("sizeof(((%s *)0)->%s)", c, f.Name), int64(f.Size)})
		}
	}
	for _, r := range l.Rings {
		list = append(list, h.ringClaims(t, r)...)
	}
	for name, value := range numbers(l) {
		if c, ok := h.consts[name]; ok {
			list = append(list, claim{name, c, value})
		} else {
			h.needReason(t, name)
		}
	}
	return append(list, h.abiClaims(l, abi)...)
}

func (h header) needReason(t *testing.T, name string) {
	t.Helper()
	if h.excluded[name] == "" {
		t.Errorf("nothing in %s is compared with %s", h.file, name)
	}
}

// ringClaims compares the slots of rings of every size with ring.h's own macro.
func (h header) ringClaims(t *testing.T, r layout.Ring) (list []claim) {
	tag, ok := h.rings[r.Name]
	if !ok {
		t.Errorf("ring %s has no C name", r.Name)
		return nil
	}
	list = append(list,
		claim{r.Name + " header", fmt.Sprintf("offsetof(struct %s_sring, ring)", tag), int64(r.Header)},
		claim{r.Name + " stride", fmt.Sprintf("sizeof(union %s_sring_entry)", tag), int64(r.Stride)})
	for i, n := range r.Slots {
		list = append(list, claim{fmt.Sprintf("%s slots in %d pages", r.Name, i+1),
			fmt.Sprintf("__CONST_RING_SIZE(%s, %d)", tag, (i+1)*4096), int64(n)})
	}
	return append(list, claim{r.Name + " pages listed", "16", int64(len(r.Slots))})
}

// numbers lists every constant, value and mask.
func numbers(l *layout.Layout) map[string]int64 {
	out := map[string]int64{}
	for _, c := range l.Constants {
		out[c.Name] = c.Value.Int64()
	}
	for _, e := range l.Enums {
		for _, v := range e.Values {
			out[e.Name+"."+v.Name] = v.Value.Int64()
		}
		for _, r := range e.Reserved {
			var n int64
			fmt.Sscan(r, &n)
			out[e.Name+" reserved "+r] = n
		}
	}
	for _, b := range l.Bits {
		for _, g := range b.Groups {
			out[b.Name+"."+g.Name] = int64(g.Mask)
		}
	}
	return out
}

// abiClaims compares the strings of ABIs, and the numbers of slots that the header itself gives a name.
func (h header) abiClaims(l *layout.Layout, abi string) (list []claim) {
	for _, a := range l.ABIs {
		if c, ok := h.consts["abi."+a.Name]; ok {
			list = append(list, claim{"abi." + a.Name, fmt.Sprintf("strcmp(%s, %q)", c, a.String), 0},
				claim{"native " + abi, fmt.Sprintf("strcmp(XEN_IO_PROTO_ABI_NATIVE, %q)", a.String), 0})
		}
	}
	if abi == "x86_64" && h.consts["abi.arm"] != "" {
		list = append(list, claim{"abi.arm", `strcmp(XEN_IO_PROTO_ABI_ARM, "arm-abi")`, 0})
	}
	for _, r := range l.Rings {
		if c, ok := h.consts["slots of "+r.Name]; ok {
			list = append(list, claim{"slots of " + r.Name, c, int64(r.Slots[0])})
		}
	}
	return list
}

// compileAndRun has a C compiler evaluate the claims' expressions against the header.
func compileAndRun(t *testing.T, h header, claims []claim, flag string) map[string]int64 {
	t.Helper()
	var b strings.Builder
	b.WriteString("#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n")
	fmt.Fprintf(&b, "#include <xen/xen.h>\n#include <%s>\n#include <xen/io/protocols.h>\nint main(void) {\n", h.file)
	for _, c := range claims {
		fmt.Fprintf(&b, "\tprintf(\"%%s=%%lld\\n\", \"%s\", (long long)(%s));\n", c.label, c.expr)
	}
	b.WriteString("\treturn 0;\n}\n")
	dir := t.TempDir()
	src, bin := filepath.Join(dir, "witness.c"), filepath.Join(dir, "witness")
	if err := os.WriteFile(src, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", flag, "-Wall", "-o", bin, src).CombinedOutput(); err != nil {
		t.Fatalf("the header doesn't have what idcgen says: %v\n%s", err, out)
	}
	got := map[string]int64{}
	for line := range strings.Lines(string(output(t, bin, flag))) {
		label, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		var n int64
		if _, err := fmt.Sscan(value, &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		got[label] = n
	}
	return got
}

// output runs what was compiled with a flag.
func output(t *testing.T, bin, flag string) []byte {
	t.Helper()
	if flag == "-m32" {
		return testenv.Output32(t, bin)
	}
	out, err := exec.Command(bin).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}
