package gen

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xenidc/idc/idl"
)

// refresh is the environment variable that has the golden files rewritten. The test
// fails even so: what was rewritten has to be looked at.
const refresh = "IDCGEN_REFRESH"

// golden are the generated packages of this repository, each with its protocol. All
// are compiled and tested with everything else.
var golden = map[string]string{
	"../../../../generated/blk": "../../../../protocols/blk.idc",
	"../../../../generated/usb": "../../../../protocols/usb.idc",
	"../../../../examples/kv":   "../../../../examples/kv/kv.idc",
	"../../../../examples/echo": "../../../../examples/echo/echo.idc",
	"zoo":                       "zoo/zoo.idc",
}

func generate(tb testing.TB, path string) []File {
	tb.Helper()
	p, err := idl.Load(path)
	if err != nil {
		tb.Fatal(err)
	}
	files, err := Generate(p, filepath.Base(path), "")
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

func TestGolden(t *testing.T) {
	for dir, protocol := range golden {
		for _, f := range generate(t, protocol) {
			path := filepath.Join(dir, f.Name)
			have, err := os.ReadFile(path)
			if err == nil && bytes.Equal(have, f.Content) {
				continue
			}
			t.Errorf("%s is not what is generated from %s; look at the difference after %s=1 go test", path, protocol, refresh)
			if os.Getenv(refresh) != "" {
				if err := os.WriteFile(path, f.Content, 0o644); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

func TestDeterministic(t *testing.T) {
	for _, protocol := range golden {
		first := generate(t, protocol)
		for range 5 {
			for i, f := range generate(t, protocol) {
				if !bytes.Equal(f.Content, first[i].Content) {
					t.Fatalf("%s from %s differs from run to run", f.Name, protocol)
				}
			}
		}
	}
}

// TestImports holds the rule that stubs need nothing but the standard library and
// runtime/idc, and the tests idctest besides.
func TestImports(t *testing.T) {
	for _, protocol := range golden {
		for _, f := range generate(t, protocol) {
			for l := range strings.Lines(string(f.Content)) {
				l = strings.TrimSpace(l)
				foreign := strings.HasPrefix(l, `"github.com/`) && l != `"github.com/xenidc/idc/runtime/idc"`
				allowed := strings.HasSuffix(f.Name, "_test.go") && l == `"github.com/xenidc/idc/runtime/idc/idctest"`
				if foreign && !allowed || l == `"unsafe"` || l == `"reflect"` && !strings.HasSuffix(f.Name, "_test.go") || strings.Contains(l, "interface{}") {
					t.Errorf("%s: %s", f.Name, l)
				}
			}
		}
	}
}

// TestBuilds compiles everything that is generated, tests too, for machines with
// 32 bits and with the other byte order.
func TestBuilds(t *testing.T) {
	if testing.Short() {
		t.Skip("compiles for three architectures; -short")
	}
	for _, arch := range []string{"386", "arm64", "s390x"} {
		args := []string{"vet"}
		for dir := range golden {
			args = append(args, "./"+dir)
		}
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
	}
}

// large is a protocol with n transactions of ten fields.
func large(n int) []byte {
	var b bytes.Buffer
	b.WriteString("protocol large\n\ndevice \"large\"\n")
	for i := range n {
		fmt.Fprintf(&b, "\n/// Does something.\ntransaction call_%d(a u32, b u64, c u16, d bool, e i32) -> (f u64, g u32, h i16, i u8, j u64) replay\n", i)
	}
	return b.Bytes()
}

func compile(tb testing.TB, src []byte) (size int) {
	tb.Helper()
	p, diags := idl.Compile("large.idc", src)
	if err := diags.Err(); err != nil {
		tb.Fatal(err)
	}
	files, err := Generate(p, "large.idc", "")
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range files {
		size += len(f.Content)
	}
	return size
}

// BenchmarkThousand compiles a thousand transactions of ten fields.
func BenchmarkThousand(b *testing.B) {
	src := large(1000)
	size := 0
	for b.Loop() {
		size = compile(b, src)
	}
	b.ReportMetric(float64(size), "bytes")
}
