package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/xenidc/idc/bench/internal/measure"
)

const (
	serveArg   = "serve-case" // the other process's first argument
	profileVar = "BENCH_PROFILE"
	warmUp     = 100 * time.Millisecond // at most, and no longer than the run itself
	startTime  = 20 * time.Second       // how long the other process may take to be ready
)

// result is what all runs of a case gave.
type result struct {
	*measure.Case
	samples []*measure.Sample
}

// measureAll measures every case once, then every case again, and so on.
func measureAll(ctx context.Context, cfg config, cases []*measure.Case) ([]*result, error) {
	results := make([]*result, len(cases))
	for i, c := range cases {
		results[i] = &result{Case: c}
	}
	show := newProgress()
	for run := range cfg.runs {
		for i, r := range results {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			show.step("run %d of %d, case %d of %d: %s", run+1, cfg.runs, i+1, len(results), r.ID())
			s, err := measureCase(ctx, cfg, r.Case, run)
			if err != nil {
				show.clear()
				return nil, fmt.Errorf("%s: %w", r.ID(), err)
			}
			r.samples = append(r.samples, s)
		}
	}
	show.clear()
	return results, nil
}

// progress shows on a terminal what is being done. Elsewhere it is silent.
type progress bool

func newProgress() progress {
	fi, err := os.Stderr.Stat()
	return progress(err == nil && fi.Mode()&os.ModeCharDevice != 0)
}

func (p progress) step(format string, args ...any) {
	if p {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	}
}

func (p progress) clear() { p.step("") }

// measureCase starts both ends of a case, warms them up and measures.
func measureCase(ctx context.Context, cfg config, c *measure.Case, run int) (s *measure.Sample, err error) {
	dir, err := os.MkdirTemp("/dev/shm", "bench") // tmpfs, for the disks
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	pids := []int{os.Getpid()}
	if c.Serve != nil {
		o, err := startOther(ctx, cfg, c, dir, run)
		if err != nil {
			return nil, err
		}
		defer o.stop()
		pids = append(pids, o.cmd.Process.Pid)
	}
	open, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	load, closeLoad, err := c.Open(open, dir)
	if err != nil {
		return nil, err
	}
	defer closeLoad()
	if _, err := measure.Run(load, min(warmUp, cfg.time), pids...); err != nil {
		return nil, err
	}
	if cfg.profile != "" {
		stop, err := startProfile(profilePath(cfg.profile, c, run, "front"))
		if err != nil {
			return nil, err
		}
		defer stop()
	}
	return measure.Run(load, cfg.time, pids...)
}

func profilePath(dir string, c *measure.Case, run int, end string) string {
	name := strings.NewReplacer(" ", "-", ",", "", ":", "", "/", "-").Replace(c.ID())
	return filepath.Join(dir, fmt.Sprintf("%s.%d.%s.pprof", name, run, end))
}

func startProfile(path string) (stop func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		f.Close()
		return nil, err
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

// other is the process that serves. It ends when its standard input does, so none
// is left behind however we end.
type other struct {
	cmd  *exec.Cmd
	stop func()
}

func startOther(ctx context.Context, cfg config, c *measure.Case, dir string, run int) (*other, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, serveArg, c.ID(), dir)
	cmd.Stderr = os.Stderr
	cmd.Env = os.Environ()
	if cfg.profile != "" {
		cmd.Env = append(cmd.Env, profileVar+"="+profilePath(cfg.profile, c, run, "back"))
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	o := &other{cmd, func() { in.Close(); cmd.Wait() }}
	late := time.AfterFunc(startTime, func() { cmd.Process.Kill() })
	defer late.Stop()
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		o.stop()
		return nil, fmt.Errorf("the other process said %q, %w", line, err)
	}
	return o, nil
}

// serve is the other process.
func serve(ctx context.Context, id, dir string) error {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // until the one who started us closes it, or ends
		os.Stdin.Read(make([]byte, 1))
		cancel()
	}()
	if path := os.Getenv(profileVar); path != "" {
		stop, err := startProfile(path)
		if err != nil {
			return err
		}
		defer stop()
	}
	for _, c := range cases() {
		if c.ID() == id {
			err := c.Serve(ctx, dir, func() { fmt.Println("ready") })
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	return fmt.Errorf("no case %q", id)
}
