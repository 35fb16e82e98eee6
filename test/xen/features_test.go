package xen

import (
	"fmt"
	"syscall"
	"testing"
)

// features are disks that each lack something that Linux's front end would use, and
// at last one for a front end with slots of 32-bit x86.
func features() []scenario {
	return []scenario{
		{"NoPersistent", without("--no-persistent", 0, "persistent grants: disabled", nil)},
		{"NoIndirect", without("--indirect 11", 0, "indirect descriptors: disabled", nil)},
		{"OneQueue", without("--queues 1", 0, "", map[string]string{"multi-queue-num-queues": "", "queue-0": ""})},
		{"OnePage", without("--max-ring-page-order 0", 4, "", map[string]string{"ring-page-order": "", "queue-0/ring-ref00": ""})},
		{"SixteenPages", without("", 4, "", map[string]string{"ring-page-order": "4"})},
		{"X86_32", testX86_32},
	}
}

// without serves a disk with those flags to a front end that may have rings of that
// order. The kernel of the domU must say what is given, and the front end must have written
// these keys; an empty one isn't there.
func without(flags string, order int, say string, wrote map[string]string) func(*testing.T, *linuxFront) {
	return func(t *testing.T, f *linuxFront) {
		f.driver(t, order, 32)
		s := f.serve(t, 32, flags)
		f.negotiated(t, say)
		f.wrote(t, wrote)
		f.verify(t, 512)
		sum := f.tree(t)
		s.stop(t)
		f.treeInDom0(t, sum)
	}
}

// driver loads xen-blkfront anew, unless it has these parameters: the most pages of a
// ring, as a power of two, and of a request.
func (f *linuxFront) driver(t *testing.T, order, segments int) {
	t.Helper()
	f.Run(t, fmt.Sprintf(`cd /sys/module/xen_blkfront/parameters
[ "$(cat max_ring_page_order max_indirect_segments)" = "$(printf '%%d\n%%d' %[1]d %[2]d)" ] || {
	cd / && rmmod xen_blkfront && agent modprobe xen-blkfront max_ring_page_order=%[1]d max_indirect_segments=%[2]d
}`, order, segments))
}

// testX86_32 has our own front end in place of Linux's write slots as a 32-bit
// domain does.
func testX86_32(t *testing.T, f *linuxFront) {
	f.Run(t, "rmmod xen_blkfront")
	f.m.Run(t, "truncate -s 16M "+image)
	t.Cleanup(func() { f.tidy(t, "rm "+image) })
	s := &served{f.m.Start(t, fmt.Sprintf("idc --platform xen blk serve --domain %d --vdev xvda %s", f.ID, image)), f}
	s.WaitFor(t, "serving")
	p := f.Start(t, "idc --platform xen blk attach --backend 0 --vdev xvda --abi x86_32-abi --nbd unix:/tmp/disk.sock")
	p.WaitFor(t, "attached")
	f.wrote(t, map[string]string{"protocol": "x86_32-abi"})
	const uri = "'nbd+unix:///xvda?socket=/tmp/disk.sock'"
	f.verifyWith(t, "--ioengine=nbd --uri="+uri, 512)
	sum := f.Run(t, `set -e
mkfs.ext4 -q -N 256 -d /usr/sbin /tmp/copy 16M >/dev/null
nbdcopy --flush /tmp/copy `+uri+`
nbdcopy `+uri+` /tmp/again
cmp /tmp/copy /tmp/again
sha1sum </tmp/copy
rm /tmp/copy /tmp/again`)
	p.Signal(t, syscall.SIGTERM)
	if status := p.Wait(t); status.Err() != nil {
		t.Errorf("the front end ended with %v:\n%s", status.Err(), p.Output())
	}
	s.stop(t)
	if here := f.m.Run(t, "e2fsck -fn "+image+" >&2 && sha1sum <"+image); here != sum {
		t.Errorf("the image's sum is %s, not %s", here, sum)
	}
}
