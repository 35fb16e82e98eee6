package batch

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/xenidc/idc/cmd/idcgen/internal/randproto"
)

// The environment says what to do instead of the default: IDC_SEED is the first seed, IDC_SEEDS how many there are, and
// IDC_RANDOM_TIME goes on with further seeds for so long.
const (
	envSeed  = "IDC_SEED"
	envSeeds = "IDC_SEEDS"
	envTime  = "IDC_RANDOM_TIME"
)

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// Whatever the compiler accepts, it compiles right.
func TestRandomProtocols(t *testing.T) {
	seed, n := number(t, envSeed, 1), number(t, envSeeds, 40)
	var end time.Time
	if s := os.Getenv(envTime); s != "" {
		d, err := time.ParseDuration(s)
		if err != nil {
			t.Fatalf("%s: %v", envTime, err)
		}
		end = time.Now().Add(d)
		if os.Getenv(envSeed) == "" {
			seed = uint64(time.Now().Unix())
		}
	}
	total := tally{}
	for {
		var cases []Case
		for s := seed; s < seed+n; s++ {
			cases = append(cases, Case{fmt.Sprintf("s%d", s), randproto.Text(s)})
		}
		report(t, Run(t, cases), total)
		seed += n
		if t.Failed() || !time.Now().Before(end) {
			break
		}
	}
	t.Logf("of %d protocols: %v; the next seed is %d", total.sum(), total, seed)
}

type tally map[Verdict]int

func (c tally) sum() (n int) {
	for _, k := range c {
		n += k
	}
	return n
}

// report fails the test for each failure, and shows the first of each verdict as small as it gets.
func report(t *testing.T, results []Result, count tally) {
	t.Helper()
	shrunk := map[Verdict]bool{}
	for _, r := range results {
		count[r.Verdict]++
		if !r.Verdict.Failed() {
			continue
		}
		t.Errorf("%s: %s: %s", r.Name, r.Verdict, first(r.Detail, 3000))
		if !shrunk[r.Verdict] {
			shrunk[r.Verdict] = true
			t.Logf("%s without what doesn't matter:\n%s", r.Name, shrink(t, r))
		}
	}
}

// shrink takes away from a protocol whatever isn't needed for its verdict.
func shrink(t *testing.T, r Result) string {
	t.Helper()
	return randproto.Shrink(r.Text, 40, func(candidates []string) int {
		var cases []Case
		for i, text := range candidates {
			cases = append(cases, Case{fmt.Sprintf("c%d", i), text})
		}
		for i, c := range Run(t, cases) {
			if c.Verdict == r.Verdict && symptom(c.Detail) == symptom(r.Detail) {
				return i
			}
		}
		return -1
	})
}

var names = regexp.MustCompile(`\b\w*[A-Z0-9_]\w*\b|"[^"]*"|[^:\s]*\.go:[\d:]*`)

// symptom is a failure's first words, less the names in it.
func symptom(detail string) string {
	line, _, _ := strings.Cut(detail, "\n")
	return names.ReplaceAllString(line, "")
}

func first(s string, n int) string {
	if len(s) > n {
		return s[:n] + "..."
	}
	return s
}

var fence = regexp.MustCompile("(?s)```idc\n(.*?)```")

// What the documents and the tree show as correct is taken through everything, too.
func TestExamples(t *testing.T) {
	const root = "../../../../"
	var cases []Case
	add := func(name, text string) {
		if !strings.Contains(text, "protocol ") {
			text = "protocol example\n" + text
		}
		cases = append(cases, Case{fmt.Sprintf("e%d_%s", len(cases), word.ReplaceAllString(name, "_")), text})
	}
	for _, pattern := range []string{"idl/testdata/diag/*/good.idc", "protocols/*.idc", "examples/*/*.idc", "cmd/idcgen/internal/gen/*/*.idc"} {
		files, err := filepath.Glob(root + pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, f := range files {
			name := filepath.Base(filepath.Dir(f)) + "/" + filepath.Base(f)
			add(name, read(t, f))
		}
	}
	for _, doc := range []string{"README.md", "docs/language.md", "docs/idcgen.md", "docs/wire.md", "docs/architecture.md"} {
		for _, m := range fence.FindAllStringSubmatch(read(t, root+doc), -1) {
			add(doc, m[1])
		}
	}
	results := Run(t, cases)
	for _, r := range results {
		if r.Verdict == Refused {
			t.Errorf("%s is refused: %s", r.Name, r.Detail)
		}
	}
	report(t, results, tally{})
}

// Kinds of mistakes that the compiler has made: the first line of each file says what has to become of it. Where it says
// `or refused`, both are right: a name of Go's may be spelled otherwise, or complained about.
func TestKinds(t *testing.T) {
	files, err := filepath.Glob("testdata/kinds/*.idc")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	var cases []Case
	for _, f := range files {
		cases = append(cases, Case{strings.TrimSuffix(filepath.Base(f), ".idc"), read(t, f)})
	}
	results := Run(t, cases)
	for _, r := range results {
		want, why, _ := strings.Cut(strings.TrimPrefix(r.Text, "// "), ":")
		why, _, _ = strings.Cut(why, "\n")
		if accepted := r.Verdict != Refused; accepted != (want == "accepted") && !strings.HasSuffix(why, "or refused") {
			t.Errorf("%s, %s: it is %s, not %s: %s", r.Name, why, r.Verdict, want, first(r.Detail, 1000))
		}
	}
	report(t, results, tally{})
}

var word = regexp.MustCompile(`\W+`)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
