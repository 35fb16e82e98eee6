//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// introduce tells who is there.
func (d *demo) introduce() {
	d.prose("A disk of %s in %s, served by process %d to process %d over shared memory; the broker is process %d.",
		size(d.size), d.image, d.back.pid(), d.front.pid(), os.Getpid())
	d.tell("")
	if d.width >= tableWidth {
		d.tell("%-17s %-12s %6s %8s %7s %7s %7s %7s", "", "requests", "MiB/s", "per s", "p50", "p99", "p99.9", "max")
	}
}

// tableWidth is how wide the table of results is; where there is less room each result
// has lines of its own.
const tableWidth = 78

// hear acts on one event of the front end's. It is true after the last.
func (d *demo) hear(line []byte) (bool, error) {
	var ev event
	if err := json.Unmarshal(line, &ev); err != nil {
		return false, fmt.Errorf("the front end printed %q: %w", line, err)
	}
	switch ev.Kind {
	case "progress":
		d.far = ev.Done
		d.bar.update(ev.Phase, ev.Done, ev.Total)
		if i := slices.Index(d.pending, ev.Phase); i >= 0 && ev.Done >= ev.Total/2 {
			d.pending = slices.Delete(d.pending, i, i+1)
			return false, d.killBack(ev.Phase)
		}
	case "back":
		d.reconnected(ev.Millis)
	case "result":
		d.result(*ev.Result)
	case "failed":
		return false, fmt.Errorf("the front end: %s", ev.Text)
	case "done":
		return true, d.complete()
	}
	return false, nil
}

// killBack kills the back end and starts another.
func (d *demo) killBack(phase string) error {
	k := kill{Phase: phase, Killed: d.back.pid()}
	d.back.kill()
	if err := d.startBack(); err != nil {
		return fmt.Errorf("start the back end again: %w", err)
	}
	k.Pid = d.back.pid()
	d.report.Kills = append(d.report.Kills, k)
	return nil
}

// reconnected notes how long the front end was without a back end.
func (d *demo) reconnected(millis float64) {
	if n := len(d.report.Kills); n > 0 {
		k := &d.report.Kills[n-1]
		k.Pause = millis
		d.prose("  killed process %d with requests in flight (SIGKILL), started %d: a pause of %.0f ms", k.Killed, k.Pid, k.Pause)
	}
}

func (d *demo) result(r result) {
	d.report.Phases = append(d.report.Phases, r)
	us := func(v float64) string { return shortDuration(time.Duration(v * 1000)) }
	requests := fmt.Sprintf("%s x %d", size(r.Request), r.Depth)
	speed, rate := float64(r.Bytes)/(1<<20)/r.Seconds, float64(r.Requests)/r.Seconds
	if d.width >= tableWidth {
		d.tell("%-17s %-12s %6.0f %8.0f %7s %7s %7s %7s", r.Name, requests, speed, rate, us(r.P50), us(r.P99), us(r.P999), us(r.Max))
		return
	}
	d.prose("%s, %s:", r.Name, requests)
	d.prose("  %.0f MiB/s, %.0f per s, p50 %s, p99 %s, p99.9 %s, max %s", speed, rate, us(r.P50), us(r.P99), us(r.P999), us(r.Max))
}

// complete sees that the demo was one.
func (d *demo) complete() error {
	for _, k := range d.report.Kills {
		if k.Pause == 0 {
			return fmt.Errorf("the back end was killed during the %s, but the front end never noticed", k.Phase)
		}
	}
	if len(d.pending) > 0 {
		return fmt.Errorf("the %s was over before the back end was killed", d.pending[0])
	}
	return nil
}

// tell prints a line for people.
func (d *demo) tell(format string, args ...any) {
	if d.json {
		return
	}
	d.bar.clear()
	d.say(nil, format, args...)
}

// prose is tell, in as many lines as it takes.
func (d *demo) prose(format string, args ...any) {
	d.tell("%s", wrap(fmt.Sprintf(format, args...), d.width))
}

// shortDuration writes a duration with two or three digits.
func shortDuration(t time.Duration) string {
	switch {
	case t < time.Microsecond:
		return fmt.Sprintf("%d ns", t.Nanoseconds())
	case t < 10*time.Microsecond:
		return fmt.Sprintf("%.1f us", float64(t.Nanoseconds())/1e3)
	case t < time.Millisecond:
		return fmt.Sprintf("%d us", t.Microseconds())
	case t < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", float64(t.Microseconds())/1e3)
	}
	return fmt.Sprintf("%d ms", t.Milliseconds())
}
