package xen

import (
	"strings"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestLinuxOnLinux puts a file system on a disk with Linux's own drivers at both
// ends, so that what fails with one of ours there instead is ours.
func TestLinuxOnLinux(t *testing.T) {
	m := lab.Open(t)
	d := m.Domain(t, lab.PV{Name: "linux"})
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
