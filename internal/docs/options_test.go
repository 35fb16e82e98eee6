package docs

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// option is the declaration of an option.
var option = regexp.MustCompile(`(?m)^func ([A-Z]\w*)\([^)]*(?:\([^)]*\)[^)]*)*\) Option `)

// The page for driver authors has a row for each option, and for no other.
func TestOptionsAreTold(t *testing.T) {
	var have []string
	files, err := filepath.Glob(filepath.Join(root, "runtime/idc/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		for _, m := range option.FindAllStringSubmatch(read(t, file), -1) {
			have = append(have, m[1])
		}
	}
	_, table, _ := strings.Cut(read(t, filepath.Join(root, "docs/writing-a-driver.md")), "<!-- begin of the options -->")
	table, _, ok := strings.Cut(table, "<!-- end of the options -->")
	if !ok || len(have) < 10 {
		t.Fatalf("no table, or no options: %q", have)
	}
	var told []string
	for _, row := range strings.Split(table, "\n| `")[1:] {
		cell, _, _ := strings.Cut("`"+row, " |")
		for _, name := range strings.Split(cell, ", ") {
			told = append(told, strings.Trim(name, "`"))
		}
	}
	slices.Sort(have)
	slices.Sort(told)
	if !slices.Equal(have, told) {
		t.Errorf("options: %q\nthe page has rows for %q", have, told)
	}
}
