package xen

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestOursOnOurs runs both of our ends, in dom0 and in a domU, with no driver of
// Linux's on the way: a whole image goes there and back through NBD clients.
func TestOursOnOurs(t *testing.T) {
	m := lab.Open(t)
	d := m.Domain(t, lab.PV{Name: "pair", Memory: 256})
	d.Run(t, "rmmod xen-blkfront") // it would claim the disk
	m.Run(t, "truncate -s 16M /tmp/pair.img")
	defer m.Run(t, "rm -f /tmp/pair.img")
	serve := serveDisk(t, m, d.ID, lab.Xvda, "/tmp/pair.img")
	attach := d.Start(t, fmt.Sprintf("idc blk attach --platform xen --backend 0 --vdev %d --nbd unix:/tmp/nbd", lab.Xvda))
	attach.WaitFor(t, "attached")
	sum := d.Run(t, `set -e
dd if=/dev/urandom of=/tmp/there bs=1M count=16 2>/dev/null
nbdcopy /tmp/there 'nbd+unix:///?socket=/tmp/nbd'
nbdcopy 'nbd+unix:///?socket=/tmp/nbd' /tmp/back
cmp /tmp/there /tmp/back
sha1sum </tmp/there
rm /tmp/back`)
	if here := m.Run(t, "sha1sum </tmp/pair.img"); here != sum {
		t.Errorf("the image's sum is %s, not %s", here, sum)
	}

	// The back end goes and comes back; the front end, and its NBD clients, only wait.
	stop(t, serve)
	serve = serveDisk(t, m, d.ID, lab.Xvda, "/tmp/pair.img")
	if again := d.Run(t, "nbdcopy 'nbd+unix:///?socket=/tmp/nbd' - | sha1sum"); again != sum {
		t.Errorf("after the back end was started again the disk's sum is %s, not %s", again, sum)
	}
	stop(t, attach)
	m.Await(t, "! grep /dev/xen/gntdev /proc/$(pidof idc)/maps") // what was the domU's is let go of
	stop(t, serve)
}

// serveDisk serves a disk to a domain in the background, from dom0, and waits until
// it's offered.
func serveDisk(t *testing.T, m *lab.Machine, domid, vdev int, image string, flags ...string) *lab.Process {
	t.Helper()
	p := m.Start(t, fmt.Sprintf("idc blk serve --platform xen --domain %d --vdev %d %s %s", domid, vdev, strings.Join(flags, " "), image))
	p.WaitFor(t, "serving")
	return p
}

// stop asks a process to end, and checks that it does so in order.
func stop(t *testing.T, p *lab.Process) {
	t.Helper()
	p.Signal(t, syscall.SIGTERM)
	if status := p.Wait(t); status.Code != 0 {
		t.Errorf("asked to end, it ended with %v", status)
	}
}
