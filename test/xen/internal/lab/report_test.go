package lab

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	const output = `=== RUN   TestA
=== RUN   TestA/sub
--- PASS: TestA (0.00s)
    --- PASS: TestA/sub (0.00s)
=== RUN   TestB
    b_test.go:3: it broke
--- FAIL: TestB (0.10s)
=== RUN   TestC
--- SKIP: TestC (0.00s)
    c_test.go:3: nothing here
FAIL
`
	var got [][3]string
	for _, v := range parse(output) {
		got = append(got, [3]string{v.how, v.name, v.text.String()})
	}
	want := [][3]string{
		{"PASS", "TestA", "    --- PASS: TestA/sub (0.00s)\n"},
		{"FAIL", "TestB", "    b_test.go:3: it broke\n"},
		{"SKIP", "TestC", "    c_test.go:3: nothing here\nFAIL\n"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestQuote(t *testing.T) {
	if got, want := Quote("it's"), `'it'\''s'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
