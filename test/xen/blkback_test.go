package xen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestLinuxOnLinux has Linux's own drivers at both ends of a disk, so that what fails
// with one of ours there instead is ours.
func TestLinuxOnLinux(t *testing.T) {
	m := lab.Open(t)
	const channels = "lsevtchn 0 | grep -ci interdomain || true"
	before := strings.TrimSpace(m.Run(t, channels))
	d := m.Domain(t, lab.PV{Name: "linux"})
	for name, run := range map[string]func(*testing.T, *lab.Machine, *lab.Domain){
		"Programs": testPrograms,
		"Files":    testLinuxFiles,
	} {
		t.Run(name, func(t *testing.T) { run(t, m, d) })
	}
	t.Run("Destroyed", func(t *testing.T) {
		testDestroyed(t, m, d)
		m.Await(t, fmt.Sprintf(`[ "$(%s)" = %s ]`, channels, before))
	})
}

// testPrograms starts the tools that scenarios use, with all their libraries.
func testPrograms(t *testing.T, _ *lab.Machine, d *lab.Domain) {
	if got := d.Run(t, "cat /sys/hypervisor/type; nproc; ls /dev/xen"); !strings.HasPrefix(got, "xen\n1\n") {
		t.Error(got)
	}
	d.Run(t, "idc version && fio --version && nbdinfo --version && nbdcopy --version && mkfs.ext4 -V && xenstore-ls /local/domain/$(xenstore-read domid)")
}

// testLinuxFiles puts a file system on a disk.
func testLinuxFiles(t *testing.T, m *lab.Machine, d *lab.Domain) {
	disk := m.Disk(t, lab.Disk{Front: d.ID, Device: "/dev/ram0"})
	disk.Await(t)
	d.Await(t, "test -b /dev/xvda")
	sum := d.Run(t, `set -e
mkfs.ext4 -q /dev/xvda
mount /dev/xvda /mnt
dd if=/dev/urandom of=/mnt/data bs=64k count=64 2>/dev/null
sha1sum </mnt/data
umount /mnt`)
	if again := d.Run(t, "mount /dev/xvda /mnt && sha1sum </mnt/data && umount /mnt"); again != sum {
		t.Errorf("after mounting again the file's sum is %s, not %s", again, sum)
	}
	if log := d.KernelLog(t); !strings.Contains(log, "persistent grants: enabled") {
		t.Errorf("the front end negotiated nothing:\n%s", log)
	}
	disk.Detach(t)
	d.Await(t, "test ! -e /dev/xvda")
	// Dom0 sees what the domU wrote, without Xen between them.
	if here := m.Run(t, "e2fsck -fn /dev/ram0 >&2 && mount -o ro /dev/ram0 /mnt && sha1sum </mnt/data && umount /mnt"); here != sum {
		t.Errorf("dom0 finds a file with the sum %s, not %s", here, sum)
	}
}

// testDestroyed takes the domU away in the middle of its I/O. Nothing of it stays.
func testDestroyed(t *testing.T, m *lab.Machine, d *lab.Domain) {
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
	m.Await(t, "! xl domid "+d.Name())
	m.Await(t, fmt.Sprintf("! xenstore-exists /local/domain/%d", d.ID))
	// Whoever still held the device would refuse this.
	m.Await(t, "mke2fs -q -F /dev/ram1")
}
