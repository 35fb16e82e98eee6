package idl

import (
	"fmt"
	"strings"
	"testing"
)

// thousand is a protocol of a thousand messages of ten fields.
func thousand() []byte {
	var b strings.Builder
	b.WriteString("protocol thousand\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "/// Message %d.\nmessage m%d(", i, i)
		for f := range 10 {
			fmt.Fprintf(&b, "f%d u32, ", f)
		}
		b.WriteString(") from front\n")
	}
	return []byte(b.String())
}

func BenchmarkThousandMessages(b *testing.B) {
	src := thousand()
	for b.Loop() {
		if _, diags := Compile("thousand.idc", src); diags.Failed() {
			b.Fatal(diags.Err())
		}
	}
}
