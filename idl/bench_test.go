package idl

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
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

// cpuTime is how long the process has computed: unlike a clock, it doesn't see what else the machine does.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// The whole compiler has half a second for this; the front half must leave most of it.
func TestThousandMessagesInTime(t *testing.T) {
	src := thousand()
	best := time.Hour
	for range 3 {
		start := cpuTime(t)
		if _, diags := Vet("thousand.idc", src); diags.Failed() {
			t.Fatal(diags.Err())
		}
		best = min(best, cpuTime(t)-start)
	}
	if limit := slowdown * 600 * time.Millisecond; best > limit {
		t.Errorf("a thousand messages took %v, want less than %v", best, limit)
	}
	t.Logf("a thousand messages took %v", best)
}
