//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// pageStep is a file that the page for driver authors shows, or what it types.
var pageStep = regexp.MustCompile("(?s)<!-- file: examples/blobs/(\\S+) as \\S+ -->\n\n```\\w*\n(.*?)```\n|```sh\n(.*?)```\n")

// TestWritingADriver does what docs/writing-a-driver.md says, as a newcomer would: in an
// empty directory, with nothing but Go and a clone.
func TestWritingADriver(t *testing.T) {
	clone, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(clone, "docs/writing-a-driver.md"))
	if err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	script.WriteString("set -euxo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n")
	files := 0
	for _, m := range pageStep.FindAllStringSubmatch(string(page), -1) {
		if m[1] == "" {
			script.WriteString(m[3])
			continue
		}
		files++
		fmt.Fprintf(&script, "mkdir -p $(dirname %s)\ncat >%[1]s <<'END OF FILE'\n%sEND OF FILE\n", m[1], m[2])
	}
	if files < 6 {
		t.Fatalf("the page shows %d files only", files)
	}
	cmd := exec.Command("bash", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "CLONE="+clone, "GOFLAGS=", "GOWORK=off", "XDG_RUNTIME_DIR="+cmd.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "hello, world") {
		t.Errorf("%v\n%s\n%s", err, out, said.String())
	}
}
