package lint

import (
	"fmt"
	"strings"
)

// The marks between which docs/architecture.md holds the tables.
const (
	tableBegin = "<!-- begin of the tables: go run ./internal/lint/idclint -doc -->\n"
	tableEnd   = "<!-- end of the tables -->\n"
)

// Tables is the order of dependence and its gates in Markdown.
func Tables() string {
	var b strings.Builder
	b.WriteString("| part | may import of ours | and besides std | never | why |\n|---|---|---|---|---|\n")
	for _, p := range Parts {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", p.Path, list(p.May), list(p.Outside), list(p.Never), p.Why)
	}
	b.WriteString("\n| only these | may import | why |\n|---|---|---|\n")
	for _, g := range Gates {
		from := list(g.From)
		if g.Tests {
			from = strings.TrimPrefix(from+", tests", "–, ")
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s |\n", from, g.Path, g.Why)
	}
	return b.String()
}

func list(names []string) string {
	if len(names) == 0 {
		return "–"
	}
	return "`" + strings.Join(names, "`, `") + "`"
}

// Document puts the tables into a text between the marks.
func Document(text string) (string, error) {
	before, rest, ok := strings.Cut(text, tableBegin)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		return "", fmt.Errorf("no lines %q and %q", strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	return before + tableBegin + "\n" + Tables() + "\n" + tableEnd + after, nil
}
