package xen

import (
	"strings"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestBoot looks whether the machine is what the others take it for.
func TestBoot(t *testing.T) {
	m := lab.Open(t)
	for line, want := range map[string]string{
		"xl info":                          "xen_version            : 4.17",
		"xl vcpu-list | grep -c ^Domain-0": "2\n",
		"xenstore-ls /local/domain/0":      `name = "Domain-0"`,
		"ls /dev/xen":                      "gntalloc",
		"lsevtchn 0":                       "VCPU",
		"idc version":                      "idc",
		"cat /proc/xen/capabilities":       "control_d",
		"ls /sys/module":                   "xen_blkback",
	} {
		if got := m.Run(t, line); !strings.Contains(got, want) {
			t.Errorf("%s: no %q in:\n%s", line, want, got)
		}
	}
}
