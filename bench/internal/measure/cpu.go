package measure

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime is the time that the processes spent on a CPU, in the kernel and out of
// it, all threads together. Linux keeps it in nanoseconds, and gives a process's
// clock the number ~pid<<3 | CPUCLOCK_SCHED (clock_getcpuclockid(3)).
func cpuTime(pids []int) (sum time.Duration, err error) {
	const cpuclockSched = 2
	for _, pid := range pids {
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|cpuclockSched), &ts); err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		sum += time.Duration(ts.Nano())
	}
	return sum, nil
}
