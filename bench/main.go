// Bench measures the generated stubs between two processes, and in the same run
// what else one could have taken. docs/performance.md explains the rows.
//
//	make bench
//	cd bench && go run . [--runs N] [--time D] [--only REGEXP] [--json] [--profile DIR] [--list]
//
// Every case is measured --runs times, each time with new processes, and all cases
// in turn, so that what the machine does meanwhile falls on all of them. Shown are
// medians.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/xenidc/idc/bench/internal/measure"
)

type config struct {
	runs    int
	time    time.Duration
	only    *regexp.Regexp
	json    bool
	list    bool
	profile string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 4 && os.Args[1] == serveArg {
		exit(serve(ctx, os.Args[2], os.Args[3]))
	}
	cfg, err := parse(os.Args[1:])
	if err != nil {
		os.Exit(2)
	}
	exit(bench(ctx, cfg))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func parse(args []string) (cfg config, err error) {
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&cfg.runs, "runs", 5, "how often to measure each case")
	f.DurationVar(&cfg.time, "time", 400*time.Millisecond, "how long to measure each time")
	only := f.String("only", "", "measure only the cases that match this regular expression")
	f.BoolVar(&cfg.json, "json", false, "print the results as JSON")
	f.BoolVar(&cfg.list, "list", false, "print the names of the cases")
	f.StringVar(&cfg.profile, "profile", "", "write CPU profiles of both processes to this directory")
	if err := f.Parse(args); err != nil {
		return cfg, err
	}
	if cfg.only, err = regexp.Compile(*only); err != nil {
		fmt.Fprintln(os.Stderr, "bench: --only:", err)
	}
	cfg.runs = max(cfg.runs, 1)
	return cfg, err
}

func bench(ctx context.Context, cfg config) error {
	var selected []*measure.Case
	for _, c := range cases() {
		if cfg.only.MatchString(c.ID()) {
			selected = append(selected, c)
		}
	}
	if cfg.list {
		for _, c := range selected {
			fmt.Println(c.ID())
		}
		return nil
	}
	load := loadAverage()
	results, err := measureAll(ctx, cfg, selected)
	if err != nil {
		return err
	}
	if cfg.json {
		return printJSON(os.Stdout, load, results)
	}
	return printTable(os.Stdout, load, results)
}

// loadAverage is how busy the machine was over the last minute: with more than a
// trace of it, rows that poll measure the scheduler.
func loadAverage() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(b), " ")
	return first
}
