package xen

import (
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestBlkfront has Linux's xen-blkfront use disks that idc serves.
func TestBlkfront(t *testing.T) {
	m := lab.Open(t)
	// Two processors, for two queues. With rings of 16 pages the driver sets pages
	// aside for 512 requests in each: 128 MiB.
	f := newLinuxFront(t, m, lab.PV{Name: "blkfront", VCPUs: 2, Memory: 352})
	scenarios := []scenario{
		{"Files", testFiles},
		{"Sectors", testSectors},
		{"Shape", testShape},
		{"Flush", testFlush},
		{"Toolstack", testToolstack},
	}
	for _, s := range append(scenarios, features()...) {
		t.Run(s.name, func(t *testing.T) {
			s.run(t, f)
			f.quiet(t)
		})
	}
}

// scenario is one use of the domU.
type scenario struct {
	name string
	run  func(*testing.T, *linuxFront)
}

// testFiles is what a disk is for.
func testFiles(t *testing.T, f *linuxFront) {
	s := f.serve(t, 32, "")
	f.negotiated(t, "flush diskcache: enabled", "persistent grants: enabled", "indirect descriptors: enabled")
	f.wrote(t, map[string]string{"multi-queue-num-queues": "2", "protocol": "x86_64-abi", "feature-persistent": "1"})
	f.verify(t, 512)
	sum := f.tree(t)
	s.stop(t)
	f.treeInDom0(t, sum)
	// A server that comes later has the same disk.
	s = f.start(t, image)
	f.sameTree(t, sum)
	s.stop(t)
}

// testSectors has sectors of 4096 bytes, and requests of a megabyte.
func testSectors(t *testing.T, f *linuxFront) {
	f.driver(t, 0, 256)
	s := f.serve(t, 32, "--sector-size 4096")
	if got := f.queue(t, "logical_block_size"); got != 4096 {
		t.Errorf("the guest takes sectors for %d bytes", got)
	}
	if got := f.queue(t, "max_segments"); got != 256 {
		t.Errorf("the guest sends requests of %d pages", got)
	}
	f.verify(t, 4096)
	sum := f.tree(t)
	s.stop(t)
	f.treeInDom0(t, sum)
}

// testShape frees storage, and gives the disk more while a file system is mounted.
func testShape(t *testing.T, f *linuxFront) {
	s := f.serve(t, 32, "")
	if got := f.queue(t, "discard_granularity"); got != 4096 {
		t.Errorf("the guest may free multiples of %d bytes", got)
	}
	f.Run(t, `set -e
mkfs.ext4 -q -N 256 /dev/xvda
mount /dev/xvda /mnt
head -c 300000 /dev/urandom >/mnt/kept
dd if=/dev/zero of=/mnt/freed bs=1M count=8 conv=fsync 2>/dev/null`)
	full := f.allocated(t)
	sum := f.Run(t, "rm /mnt/freed && sync && fstrim /mnt && sha1sum </mnt/kept")
	// The file's 8 MiB, less what the file system writes for itself meanwhile.
	if freed := full - f.allocated(t); freed < 7<<20 {
		t.Errorf("fstrim freed %d bytes of the image", freed)
	}
	f.m.Run(t, "truncate -s 48M "+image)
	f.Await(t, "[ $(cat /sys/block/xvda/size) = $((48<<11)) ]")
	f.Run(t, "resize2fs /dev/xvda >/dev/null 2>&1 && [ $(df -m /mnt | awk 'END { print $2 }') -gt 36 ]")
	if again := f.Run(t, "umount /mnt && mount /dev/xvda /mnt && sha1sum </mnt/kept && umount /mnt"); again != sum {
		t.Errorf("on the larger disk the file's sum is %s, not %s", again, sum)
	}
	// The last megabyte, which is new.
	const last = "dd if=%s bs=1M skip=47 2>/dev/null | "
	sum = f.Run(t, "head -c $((1<<20)) /dev/urandom >/tmp/data && dd if=/tmp/data of=/dev/xvda bs=1M seek=47 conv=fsync 2>/dev/null && sha1sum </tmp/data && rm /tmp/data")
	if here := f.m.Run(t, fmt.Sprintf(last+"sha1sum", image)); here != sum {
		t.Errorf("the sum at the image's end is %s, not %s", here, sum)
	}
	f.Run(t, fmt.Sprintf("blkdiscard /dev/xvda && "+last+"cmp -n $((1<<20)) - /dev/zero", "/dev/xvda"))
	if left := f.allocated(t); left != 0 {
		t.Errorf("all was freed, and %d bytes of the image are in use", left)
	}
	s.stop(t)
}

// allocated is how many bytes of storage the image has.
func (f *linuxFront) allocated(t *testing.T) int {
	t.Helper()
	return 512 * number(t, f.m.Run(t, "stat -c %b "+image))
}

// queue reads a property of the disk's that the guest's kernel tells.
func (f *linuxFront) queue(t *testing.T, name string) int {
	t.Helper()
	return number(t, f.Run(t, "cat /sys/block/xvda/queue/"+name))
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// testFlush serves a block device that counts its flushes.
func testFlush(t *testing.T, f *linuxFront) {
	f.m.Run(t, "truncate -s 8M "+image+" && losetup /dev/loop0 "+image)
	t.Cleanup(func() { f.tidy(t, "losetup -d /dev/loop0; rm "+image) })
	s := f.start(t, "/dev/loop0")
	// The sixteenth number of Documentation/block/stat.rst.
	const flushes = "awk '{ print $16 }' /sys/block/%s/stat"
	before := number(t, f.m.Run(t, fmt.Sprintf(flushes, "loop0")))
	f.Run(t, "for n in 1 2 3; do dd if=/dev/zero of=/dev/xvda bs=4k count=1 seek=$n conv=fsync || exit 1; done 2>/dev/null")
	if asked := number(t, f.Run(t, fmt.Sprintf(flushes, "xvda"))); asked < 3 {
		t.Errorf("the guest sent %d flushes for 3 calls of fsync", asked)
	}
	if got := number(t, f.m.Run(t, fmt.Sprintf(flushes, "loop0"))) - before; got < 3 {
		t.Errorf("3 calls of fsync in the guest flushed the device %d times", got)
	}
	s.stop(t)
}

// testToolstack has a toolstack assign a disk to a server that watches, take it away
// and assign it again, now for reading only.
func testToolstack(t *testing.T, f *linuxFront) {
	f.m.Run(t, "truncate -s 8M "+image)
	t.Cleanup(func() { f.tidy(t, "rm "+image) })
	p := f.m.Start(t, "idc --platform xen blk serve --watch --images /tmp")
	p.WaitFor(t, "watching")
	disk := f.assign(t, lab.Disk{BackType: "idcvbd", Device: image})
	sum := f.Run(t, "head -c 3000000 /dev/urandom >/tmp/data && dd if=/tmp/data of=/dev/xvda bs=1M conv=fsync 2>/dev/null && sha1sum </tmp/data && rm /tmp/data")
	f.detach(t, disk)
	disk = f.assign(t, lab.Disk{BackType: "idcvbd", Device: image, ReadOnly: true})
	if again := f.Run(t, "head -c 3000000 /dev/xvda | sha1sum"); again != sum {
		t.Errorf("attached again, the data's sum is %s, not %s", again, sum)
	}
	f.Run(t, "[ $(blockdev --getro /dev/xvda) = 1 ] && ! dd if=/dev/zero of=/dev/xvda bs=4k count=1 conv=fsync,notrunc")
	f.detach(t, disk)
	if here := f.m.Run(t, "head -c 3000000 "+image+" | sha1sum"); here != sum {
		t.Errorf("the image's sum is %s, not %s", here, sum)
	}
	p.Signal(t, syscall.SIGTERM)
	if status := p.Wait(t); status.Err() != nil {
		t.Errorf("the server ended with %v", status.Err())
	}
}

// assign makes a disk, and waits until the guest has it.
func (f *linuxFront) assign(t *testing.T, d lab.Disk) *lab.Attached {
	t.Helper()
	d.Front = f.ID
	disk := f.m.Disk(t, d)
	disk.Await(t)
	f.Await(t, "test -b /dev/xvda")
	return disk
}

// detach takes a disk away. The server stays, and keeps nothing of it.
func (f *linuxFront) detach(t *testing.T, disk *lab.Attached) {
	t.Helper()
	disk.Detach(t)
	f.Await(t, "test ! -e /dev/xvda")
	f.clean(t)
}
