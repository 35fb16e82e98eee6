package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/xenidc/idc/bench/internal/measure"
)

// row is what is told of a case: medians over its runs, in nanoseconds, and
// percentiles of all operations that were timed.
type row struct {
	Group     string             `json:"group"`
	Name      string             `json:"name"`
	Bytes     int                `json:"bytes,omitempty"`
	PerOp     float64            `json:"ns_per_op"` // wall clock, by rate
	Rate      float64            `json:"ops_per_second"`
	Bandwidth float64            `json:"bytes_per_second,omitempty"`
	CPU       float64            `json:"cpu_ns_per_op"` // of both processes
	Allocs    float64            `json:"allocs_per_op"` // of the front process
	Spread    float64            `json:"spread"`        // fastest run over slowest
	P50       float64            `json:"p50_ns"`
	P90       float64            `json:"p90_ns"`
	P99       float64            `json:"p99_ns"`
	P999      float64            `json:"p999_ns"`
	Times     map[string]float64 `json:"times_faster_than,omitempty"` // by rival
}

func summarize(results []*result) (rows []row) {
	rivals := map[string]map[string]float64{} // rate by group and rival
	for _, r := range results {
		w := r.row()
		if r.Rival != "" {
			if rivals[r.Group] == nil {
				rivals[r.Group] = map[string]float64{}
			}
			rivals[r.Group][r.Rival] = w.Rate
		}
		rows = append(rows, w)
	}
	for i := range rows {
		for rival, rate := range rivals[rows[i].Group] {
			if rows[i].Times == nil {
				rows[i].Times = map[string]float64{}
			}
			rows[i].Times[rival] = rows[i].Rate / rate
		}
	}
	return rows
}

func (r *result) row() row {
	var rates, cpu, allocs []float64
	hist := new(measure.Histogram)
	for _, s := range r.samples {
		rates = append(rates, float64(s.Ops)/s.Time.Seconds())
		cpu = append(cpu, float64(s.CPU)/float64(s.Ops))
		allocs = append(allocs, float64(s.Allocs)/float64(s.Ops))
		hist.Merge(&s.Hist)
	}
	rate := median(rates)
	p := func(v float64) float64 { return float64(hist.Percentile(v)) }
	return row{
		Group: r.Group, Name: r.Name, Bytes: r.Bytes,
		PerOp: 1e9 / rate, Rate: rate, Bandwidth: rate * float64(r.Bytes), CPU: median(cpu), Allocs: median(allocs),
		Spread: slices.Max(rates) / slices.Min(rates),
		P50:    p(50), P90: p(90), P99: p(99), P999: p(99.9),
	}
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

func printJSON(w io.Writer, load string, results []*result) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(struct {
		Go   string `json:"go"`
		CPUs int    `json:"cpus"`
		Load string `json:"load_average"` // before
		Rows []row  `json:"rows"`
	}{runtime.Version(), runtime.NumCPU(), load, summarize(results)})
}

func printTable(w io.Writer, load string, results []*result) error {
	fmt.Fprintf(w, "%s, %d CPUs, load average before: %s\n", runtime.Version(), runtime.NumCPU(), load)
	fmt.Fprintln(w, "Medians of the runs; per op is by rate; CPU is of both processes, allocs of the front end; x NAME is how many times as fast as that.")
	rows := summarize(results)
	for len(rows) > 0 {
		n := slices.IndexFunc(rows, func(r row) bool { return r.Group != rows[0].Group })
		if n < 0 {
			n = len(rows)
		}
		if err := printGroup(w, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func printGroup(w io.Writer, rows []row) error {
	rivals := rivalsOf(rows)
	fmt.Fprintf(w, "\n%s\n", rows[0].Group)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	head := []string{"", "per op", "ops/s"}
	if rows[0].Bytes > 0 {
		head = append(head, "bytes/s")
	}
	head = append(head, "p50", "p99", "CPU/op", "allocs", "spread")
	for _, r := range rivals {
		head = append(head, "x "+r)
	}
	fmt.Fprintln(t, strings.Join(head, "\t")+"\t")
	width := 0
	for _, r := range rows {
		width = max(width, len(r.Name))
	}
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r.cells(width, rivals), "\t")+"\t")
	}
	return t.Flush()
}

// rivalsOf returns the rivals that a group is compared with.
func rivalsOf(rows []row) (names []string) {
	for _, r := range rows {
		for name := range r.Times {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	// The raw socket first: what is nearest to the machine.
	slices.SortFunc(names, func(a, b string) int { return -cmp.Compare(a, b) })
	return names
}

func (r *row) cells(width int, rivals []string) []string {
	cells := []string{fmt.Sprintf("  %-*s", width, r.Name), duration(r.PerOp), quantity(r.Rate, "")}
	if r.Bytes > 0 {
		cells = append(cells, quantity(r.Bandwidth, "B"))
	}
	cells = append(cells, duration(r.P50), duration(r.P99), duration(r.CPU), fmt.Sprintf("%.0f", r.Allocs), fmt.Sprintf("%.2f", r.Spread))
	for _, name := range rivals {
		cells = append(cells, fmt.Sprintf("%.2f", r.Times[name]))
	}
	return cells
}

// duration shows nanoseconds with three digits.
func duration(ns float64) string {
	switch {
	case ns < 1000:
		return fmt.Sprintf("%.3g ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.3g us", ns/1e3)
	default:
		return time.Duration(ns).Round(10 * time.Microsecond).String()
	}
}

// quantity shows a number with three digits and a decimal prefix.
func quantity(v float64, unit string) string {
	for _, s := range []struct {
		size   float64
		prefix string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if v >= s.size {
			return fmt.Sprintf("%.3g %s%s", v/s.size, s.prefix, unit)
		}
	}
	return fmt.Sprintf("%.3g %s", v, unit)
}
