package lab

import (
	"bufio"
	"strings"
	"testing"
)

// verdict is how one test of a binary ended, and what was printed until then.
type verdict struct {
	name, how string
	text      strings.Builder
}

// report turns the output of a test binary, with -test.v, into subtests. Those of
// subtests stand under their own names, with what they logged.
func report(t *testing.T, output string) {
	t.Helper()
	verdicts := parse(output)
	if len(verdicts) == 0 {
		t.Errorf("it ran no test:\n%s", output)
	}
	for _, v := range verdicts {
		t.Run(v.name, func(t *testing.T) {
			switch v.how {
			case "FAIL":
				t.Error(v.text.String())
			case "SKIP":
				t.Skip(v.text.String())
			}
		})
	}
}

// parse reads the tests of the top level, in the order in which they ended.
func parse(output string) []*verdict {
	var list []*verdict
	var text strings.Builder
	lines := bufio.NewScanner(strings.NewReader(output))
	lines.Buffer(nil, 1<<20)
	var last *verdict
	for lines.Scan() {
		line := lines.Text()
		if rest, ok := strings.CutPrefix(line, "--- "); ok {
			how, rest, _ := strings.Cut(rest, ": ")
			name, _, _ := strings.Cut(rest, " ")
			last = &verdict{name: name, how: how}
			last.text.WriteString(text.String())
			text.Reset()
			list = append(list, last)
			continue
		}
		switch {
		case strings.HasPrefix(line, "=== "):
			last = nil
		case last != nil:
			last.text.WriteString(line + "\n")
		default:
			text.WriteString(line + "\n")
		}
	}
	return list
}
