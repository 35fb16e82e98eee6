package testenv

import (
	"runtime"
	"strings"
)

// maxStacks bounds the text of all stacks, in bytes.
const maxStacks = 64 << 20

// goroutines returns the stack of every goroutine by its number.
func goroutines() map[string]string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) || len(buf) >= maxStacks {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	stacks := map[string]string{}
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if id, ok := goroutineID(stack); ok {
			stacks[id] = stack
		}
	}
	return stacks
}

// goroutineID reads the number out of "goroutine 12 [running]:".
func goroutineID(stack string) (string, bool) {
	rest, ok := strings.CutPrefix(stack, "goroutine ")
	if !ok {
		return "", false
	}
	id, _, ok := strings.Cut(rest, " ")
	return id, ok
}

// belongsToGo reports whether the standard library started a goroutine for itself,
// once and for all.
func belongsToGo(stack string) bool {
	for _, frame := range []string{
		"os/signal.signal_recv(",
		"runtime.runFinalizers(",
		"runtime.runCleanups(",
		"runtime.ReadTrace(",
		"testing.(*T).Run(",
		"testing.(*F).Fuzz",
		"testing.runFuzzing(",
	} {
		if strings.Contains(stack, frame) {
			return true
		}
	}
	return false
}
