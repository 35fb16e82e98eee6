package measure

import (
	"errors"
	"os"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	op := func() error { time.Sleep(100 * time.Microsecond); return nil }
	for name, load := range map[string]Load{
		"serial":   Serial(op),
		"parallel": Parallel(4, func(int) func() error { return op }),
	} {
		s, err := Run(load, 50*time.Millisecond, os.Getpid())
		if err != nil {
			t.Fatal(err)
		}
		if s.Ops < 10 || s.Time < 50*time.Millisecond || s.Hist.Percentile(50) < 100*time.Microsecond {
			t.Errorf("%s: %d operations in %v, half of them in %v", name, s.Ops, s.Time, s.Hist.Percentile(50))
		}
	}
}

func TestRunFails(t *testing.T) {
	broken := errors.New("broken")
	op := func() error { return broken }
	if _, err := Run(Parallel(3, func(int) func() error { return op }), time.Minute); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
}

func TestCPUTime(t *testing.T) {
	before, err := cpuTime([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < 30*time.Millisecond; {
	}
	after, err := cpuTime([]int{os.Getpid()})
	if err != nil || after-before < 5*time.Millisecond {
		t.Errorf("30 ms of work took %v of a CPU, error %v", after-before, err)
	}
}
