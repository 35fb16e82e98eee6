package xen

import (
	"fmt"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestPlatform runs the contract of runtime/platform over the devices of a real
// domain: in dom0, in a domU, and between the two.
func TestPlatform(t *testing.T) {
	m := lab.Open(t)
	name := m.PutTestBinary(t, "./runtime/platform/xen")
	d := m.Domain(t, lab.PV{Name: "platform"})
	t.Run("each", func(t *testing.T) {
		t.Run("dom0", func(t *testing.T) {
			t.Parallel()
			m.RunTestBinary(t, name, "-test.run='TestContract|TestLimit|TestNotAllowed'")
		})
		t.Run("domU", func(t *testing.T) {
			t.Parallel()
			d.RunTestBinary(t, name, "-test.run='TestContract|TestLimit|TestNoModule'")
		})
	})
	t.Run("both", func(t *testing.T) {
		d.Start(t, fmt.Sprintf("sh -c 'while true; do %s -serve; done'", name))
		m.RunTestBinary(t, name, fmt.Sprintf("-test.run=TestDomains -peer %d", d.ID))
	})
}
