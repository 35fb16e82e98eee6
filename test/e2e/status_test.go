//go:build linux

package e2e

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// TestStatus asks the broker who is there.
func TestStatus(t *testing.T) {
	s := newStack(t)
	s.start("blk", "serve", "--name=disk", newImage(t, mib)).ready()
	var d struct {
		Domain, PID, User int
		Name              string
		Services          []string
		Holds             map[string]struct{ Now, Limit int }
	}
	if err := json.Unmarshal([]byte(s.run("--json", "status")), &d); err != nil {
		t.Fatal(err)
	}
	if d.Domain != 1 || d.PID == 0 || d.Name != "idc blk serve" || !slices.Equal(d.Services, []string{"vbd@disk"}) {
		t.Errorf("got %+v", d)
	}
	if n := d.Holds["nodes"]; n.Now < 5 || n.Limit < 10000 {
		t.Errorf("nodes %+v", n)
	}
	if text := s.run("status"); !strings.Contains(text, "domain 1: idc blk serve") || !strings.Contains(text, "vbd@disk") {
		t.Errorf("got %q", text)
	}
}
