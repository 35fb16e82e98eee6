package xen

import (
	"fmt"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestDestroyed takes a domU away in the middle of its I/O. Nothing of it stays.
func TestDestroyed(t *testing.T) {
	m := lab.Open(t)
	const channels = "lsevtchn 0 | grep -ci interdomain || true"
	before := m.Run(t, channels)
	d := m.Domain(t, lab.PV{Name: "doomed"})
	disk := m.Disk(t, lab.Disk{Front: d.ID, Device: "/dev/ram1"})
	disk.Await(t)
	d.Await(t, "test -b /dev/xvda")
	io := d.Start(t, "sh -c 'echo go; while dd if=/dev/zero of=/dev/xvda bs=64k count=64 oflag=direct; do :; done'")
	io.WaitFor(t, "go")
	written := fmt.Sprintf("/sys/bus/xen-backend/devices/vbd-%d-%d/statistics/wr_req", d.ID, lab.Xvda)
	m.Await(t, "[ $(cat "+written+") -gt 10 ]")
	if err := d.Destroy(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.Await(t, "! xl domid doomed")
	m.Await(t, fmt.Sprintf("! xenstore-exists /local/domain/%d", d.ID))
	m.Await(t, fmt.Sprintf(`[ "$(%s)" = %s ]`, channels, lab.Quote(before[:len(before)-1])))
	// Whoever still held the device would refuse this.
	m.Await(t, "mke2fs -q -F /dev/ram1")
}
