package lint

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArchitectureShowsTheTables(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := Document(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("docs/architecture.md is stale: go run ./internal/lint/idclint -doc\n%s", diff)
	}
}

func TestDocumentNeedsMarks(t *testing.T) {
	if _, err := Document("# Architecture\n"); err == nil {
		t.Error("no error")
	}
}
