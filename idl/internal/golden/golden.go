// Package golden compares output with files that are kept in the tree.
package golden

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Update is the environment variable that makes Check refresh the files. A run that refreshed one still fails, so that no
// run can pass on what it has just written.
const Update = "XENIDC_UPDATE_GOLDEN"

// Check compares got with the file, and fails with the difference.
func Check(t testing.TB, path, got string) {
	t.Helper()
	want, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if err == nil && string(want) == got {
		return
	}
	if os.Getenv(Update) == "" {
		t.Errorf("%s is not what it should be; set %s=1 to refresh it\n%s", path, Update, cmp.Diff(string(want), got))
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Errorf("%s was refreshed; look at the change and run again without %s", path, Update)
}
