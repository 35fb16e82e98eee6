// Package testenv is what tests ask of their surroundings: that they leave them as
// they found them.
package testenv

import (
	"strings"
	"testing"
	"time"
)

// settle is how long things that are ending may take to be gone.
const settle = 5 * time.Second

// Leaks makes the test fail if, when it and the cleanups registered later have
// ended, there are goroutines, file descriptors or mappings of shared memory that
// weren't there at the call. It says which. The process must run no other test
// meanwhile, so it isn't for parallel tests.
func Leaks(t testing.TB) {
	t.Helper()
	before := Take(t)
	t.Cleanup(func() {
		if leaked := before.Leaked(t, settle); len(leaked) > 0 {
			t.Errorf("the test left behind:\n%s", strings.Join(leaked, "\n"))
		}
	})
}

// Snapshot is what a process holds at a moment.
type Snapshot struct {
	goroutines map[string]string // stack by number
	fds        map[string]string // target by number
	mappings   map[string]int    // bytes by name and inode
}

// Take returns what the process holds now.
func Take(t testing.TB) Snapshot {
	t.Helper()
	wakeNetpoll(t)
	return Snapshot{goroutines: goroutines(), fds: fds(t), mappings: mappings(t)}
}

// Leaked describes what the process holds beyond s, once a line. It waits for as
// long as patience until there is nothing.
func (s Snapshot) Leaked(t testing.TB, patience time.Duration) []string {
	t.Helper()
	pause := time.Millisecond
	for end := time.Now().Add(patience); ; pause = min(2*pause, 100*time.Millisecond) {
		leaked := s.diff(t)
		if len(leaked) == 0 || time.Now().After(end) {
			return leaked
		}
		time.Sleep(pause)
	}
}

// diff describes what the process holds now beyond s.
func (s Snapshot) diff(t testing.TB) (leaked []string) {
	for id, stack := range goroutines() {
		if _, was := s.goroutines[id]; !was && !belongsToGo(stack) {
			leaked = append(leaked, "goroutine:\n"+stack)
		}
	}
	for fd, target := range fds(t) {
		if s.fds[fd] != target {
			leaked = append(leaked, "descriptor "+fd+": "+target)
		}
	}
	for name, size := range mappings(t) {
		if size > s.mappings[name] {
			leaked = append(leaked, "mapping: "+name)
		}
	}
	return leaked
}
