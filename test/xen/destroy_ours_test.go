package xen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestDestroyedOnOurs takes a domU away in the middle of its I/O on a disk of ours. All
// that our back end held of it is released, and the same process serves the next.
func TestDestroyedOnOurs(t *testing.T) {
	m := lab.Open(t)
	const channels = "lsevtchn 0 | grep -ci interdomain || true"
	m.Run(t, "truncate -s 64M /tmp/doomed.img")
	defer m.Run(t, "rm -f /tmp/doomed.img")
	serve := m.Start(t, "idc blk serve --platform xen --watch")
	serve.WaitFor(t, "watching")
	before := strings.TrimSpace(m.Run(t, channels))
	for _, name := range []string{"doomed1", "doomed2"} {
		d := m.Domain(t, lab.PV{Name: name})
		disk := m.Disk(t, lab.Disk{Front: d.ID, BackType: "idcvbd", Device: "/tmp/doomed.img"})
		disk.Await(t)
		d.Await(t, "test -b /dev/xvda")
		io := d.Start(t, "sh -c 'echo go; while dd if=/dev/urandom of=/dev/xvda bs=64k count=64 oflag=direct; do :; done'")
		io.WaitFor(t, "go")
		m.Await(t, "[ $(stat -c %b /tmp/doomed.img) -gt 0 ]")
		if got := m.Run(t, "grep -c /dev/xen/gntdev /proc/$(pidof idc)/maps"); strings.TrimSpace(got) == "0" {
			t.Error("nothing is mapped while the disk is used")
		}
		if err := d.Destroy(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The number is free only when nobody has anything of the domain's any more:
		// until then it stays a zombie.
		m.Await(t, "! xl domid "+name)
		m.Await(t, fmt.Sprintf("! xl list | grep -w %d", d.ID))
		m.Await(t, "! grep /dev/xen/gntdev /proc/$(pidof idc)/maps")
		m.Await(t, fmt.Sprintf(`[ "$(%s)" = %s ]`, channels, before))
		if grants := m.Run(t, "xl debug-keys g; sleep 0.2; xl dmesg -c"); strings.Contains(grants, fmt.Sprintf("d%d has", d.ID)) {
			t.Errorf("the grant table of the dead domain is still there:\n%s", grants)
		}
	}
	stop(t, serve)
}
