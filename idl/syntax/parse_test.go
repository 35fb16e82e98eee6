package syntax

import (
	"os"
	"testing"

	"github.com/xenidc/idc/idl/diag"
)

func TestParseBlk(t *testing.T) {
	src, err := os.ReadFile("../../protocols/blk.idc")
	if err != nil {
		t.Fatal(err)
	}
	var l diag.List
	f := Parse("blk.idc", src, &l)
	for _, d := range l.Items() {
		t.Errorf("%v %s", d, d.Cause)
	}
	t.Log(len(f.Decls))
}
