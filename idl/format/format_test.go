package format

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/xenidc/idc/idl/diag"
)

func formatted(t *testing.T, src []byte) []byte {
	t.Helper()
	var diags diag.List
	out := Source("x.idc", src, &diags)
	if out == nil {
		t.Fatal(diags.Err())
	}
	return out
}

func TestCanonical(t *testing.T) {
	const in = `//hello
protocol   x   version 2


/// doc
struct  s{

   a u8//first
   longer    u16   [ n ]up to 4   // second
   /// Told.
   b  u64 at 16=  device

}
enum e u8 {a=0,  b = - 1 }
transaction   get ( key string up to 64 , data   bulk from back )
->(value u8)   replay
`
	const want = `// hello
protocol x version 2

/// doc
struct s {
	a      u8             // first
	longer u16[n] up to 4 // second
	/// Told.
	b      u64 at 16 = device
}
enum e u8 { a = 0, b = -1 }
transaction get(key string up to 64, data bulk from back)
	-> (value u8) replay
`
	if diff := cmp.Diff(want, string(formatted(t, []byte(in)))); diff != "" {
		t.Error(diff)
	}
}

func TestProtocolsAreCanonical(t *testing.T) {
	files, err := filepath.Glob("../../protocols/*.idc")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(formatted(t, src)), string(src)); diff != "" {
			t.Errorf("%s isn't formatted: run idcgen fmt -w %s\n%s", f, f, diff)
		}
	}
}
