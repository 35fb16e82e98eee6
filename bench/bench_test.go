package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/xenidc/idc/bench/internal/measure"
)

// TestMain lets the test binary be the other process, too.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == serveArg {
		exit(serve(context.Background(), os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// TestEveryCase runs each case for a moment, so that none rots.
func TestEveryCase(t *testing.T) {
	cfg := config{runs: 1, time: 10 * time.Millisecond, only: regexp.MustCompile("")}
	results, err := measureAll(t.Context(), cfg, cases())
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := printTable(&table, "0.00", results); err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%s", &table)
	var out bytes.Buffer
	if err := printJSON(&out, "0.00", results); err != nil {
		t.Fatal(err)
	}
	var decoded struct{ Rows []row }
	if err := json.Unmarshal(out.Bytes(), &decoded); err != nil || len(decoded.Rows) != len(results) {
		t.Errorf("%d rows of %d, error %v", len(decoded.Rows), len(results), err)
	}
}

func TestIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range cases() {
		if seen[c.ID()] {
			t.Errorf("two cases %s", c.ID())
		}
		seen[c.ID()] = true
	}
}

func TestSummary(t *testing.T) {
	sample := func(ops uint64) *measure.Sample {
		return &measure.Sample{Ops: ops, Time: time.Second, CPU: 2 * time.Second}
	}
	rows := summarize([]*result{
		{&measure.Case{Group: "g", Name: "own"}, []*measure.Sample{sample(3000), sample(1000), sample(2000)}},
		{&measure.Case{Group: "g", Name: "other", Rival: "other"}, []*measure.Sample{sample(500)}},
	})
	own := rows[0]
	if own.Rate != 2000 || own.PerOp != 500_000 || own.CPU != 1e6 || own.Spread != 3 || own.Times["other"] != 4 {
		t.Errorf("row %+v", own)
	}
}

func TestQuantities(t *testing.T) {
	for v, want := range map[float64]string{0.5: "0.5 ns", 999: "999 ns", 1500: "1.5 us", 2.5e6: "2.5ms"} {
		if got := duration(v); got != want {
			t.Errorf("duration %v: %q, want %q", v, got, want)
		}
	}
	if got := quantity(1.234e9, "B"); got != "1.23 GB" {
		t.Errorf("quantity %q", got)
	}
}
