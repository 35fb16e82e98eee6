package diag

import (
	"bytes"
	"strings"
	"testing"
)

// However many mistakes there are, and however long the names and lines, what is said stays short.
func TestShort(t *testing.T) {
	line := strings.Repeat("$", 1<<14)
	var list List
	for i := range len(line) {
		list.Add(BadToken, Span{"x", i, i + 1, 1, i + 1}, "`%s` is bad", line).Because("%s", line).Try("remove it").
			Note(Span{"x", 0, 5, 1, 1}, "%s", line)
	}
	if !list.Failed() || list.Len() != Most || list.Dropped() != len(line)-Most {
		t.Fatalf("%d are kept, %d dropped", list.Len(), list.Dropped())
	}
	var out bytes.Buffer
	if err := Render(&out, list.Items(), func(string) string { return line }); err != nil {
		t.Fatal(err)
	}
	if out.Len() > Most*3000 {
		t.Errorf("%d bytes are printed", out.Len())
	}
}

// The dropped ones still make a compilation fail, and errors that come after many warnings do.
func TestDroppedErrorsCount(t *testing.T) {
	var list, all List
	for range Most {
		list.Add(Unused, Span{}, "unused")
	}
	if list.Failed() {
		t.Error("warnings fail")
	}
	list.Add(Syntax, Span{}, "broken")
	all.Append(&list)
	if !list.Failed() || !all.Failed() || all.Dropped() != 1 {
		t.Error("the error is lost")
	}
}

// A mark in a line that is too long is shown with what is near to it.
func TestWindow(t *testing.T) {
	src := strings.Repeat("a", 1000) + "\tBAD " + strings.Repeat("z", 1000)
	var list List
	list.Add(Syntax, Span{"x", 1001, 1004, 1, 1002}, "bad")
	var out bytes.Buffer
	if err := Render(&out, list.Items(), func(string) string { return src }); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if at := strings.Index(lines[3], "BAD"); at < 0 || at != strings.Index(lines[4], "^^^") || len(lines[3]) > 300 {
		t.Error(out.String())
	}
}
