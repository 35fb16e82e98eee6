package xen

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestOurFront has idc use disks that Linux's xen-blkback serves, in dom0 and in a
// domU: each set of flags reads what the one before has written, and writes anew.
func TestOurFront(t *testing.T) {
	m := lab.Open(t)
	t.Run("Dom0", func(t *testing.T) {
		f := newOurFront(t, m, &m.Shell, 0)
		for _, s := range ourSettings {
			if !s.domU {
				t.Run(s.name, func(t *testing.T) { f.exchange(t, s) })
			}
		}
	})
	t.Run("DomU", func(t *testing.T) {
		d := m.Domain(t, lab.PV{Name: "ourfront"})
		d.Run(t, "rmmod xen-blkfront") // it would claim the disk
		f := newOurFront(t, m, &d.Shell, d.ID)
		for _, s := range ourSettings {
			if s.domU {
				t.Run(s.name, func(t *testing.T) { f.exchange(t, s) })
			}
		}
		t.Run("Killed", f.testKilled)
		t.Run("Reassigned", f.testReassigned)
	})
}

// ourSetting is what the front end is told to use.
type ourSetting struct {
	domU        bool // there, not in dom0
	name, flags string
	// said is what xen-blkback says of it in dom0's log (connect_ring,
	// drivers/block/xen-blkback/xenbus.c).
	said string
	// order and queues are keys of the front end, empty if it has no such key.
	order, queues string
}

var ourSettings = []ourSetting{
	{false, "Default", "", "using 1 queues, protocol 1 (x86_64-abi) persistent grants", "2", ""},
	{false, "Large", "--queues 2 --ring-page-order 4", "using 2 queues, protocol 1 (x86_64-abi) persistent grants", "4", "2"},
	{false, "OnePage", "--ring-page-order 0", "using 1 queues, protocol 1 (x86_64-abi) persistent grants", "", ""},
	{false, "NoPersistent", "--no-persistent", "using 1 queues, protocol 1 (x86_64-abi) ", "2", ""},
	{false, "X86_32NoIndirect", "--abi x86_32-abi --indirect 0", "using 1 queues, protocol 2 (x86_32-abi) persistent grants", "2", ""},
	{true, "Default", "", "using 1 queues, protocol 1 (x86_64-abi) persistent grants", "2", ""},
	{true, "X86_32NoPersistent", "--abi x86_32-abi --queues 2 --ring-page-order 1 --no-persistent", "using 2 queues, protocol 2 (x86_32-abi) ", "1", "2"},
}

// ourFront is a domain whose disk, 4 MiB of dom0's memory, Linux serves.
type ourFront struct {
	m      *lab.Machine
	in     *lab.Shell // where the front end runs
	id     int
	wanted lab.Disk
	disk   *lab.Attached
	sum    string // of what it holds
}

const (
	ourImage = "/tmp/ourfront.img"
	ourURI   = "'nbd+unix:///xvda?socket=/tmp/ourfront.sock'"
)

func newOurFront(t *testing.T, m *lab.Machine, in *lab.Shell, id int) *ourFront {
	t.Helper()
	f := &ourFront{m: m, in: in, id: id}
	loop := strings.TrimSpace(m.Run(t, fmt.Sprintf(`set -e
dd if=/dev/urandom of=%s bs=1M count=4 2>/dev/null
l=$(losetup -f); losetup $l %[1]s; echo $l`, ourImage)))
	t.Cleanup(func() {
		if _, err := m.Exec(context.Background(), fmt.Sprintf("losetup -d %s; rm %s", loop, ourImage)); err != nil {
			t.Error(err)
		}
	})
	f.wanted = lab.Disk{Front: id, Device: loop}
	f.disk = m.Disk(t, f.wanted)
	f.sum = f.inDom0(t)
	return f
}

// inDom0 is the sum of what the disk holds without Xen between.
func (f *ourFront) inDom0(t *testing.T) string {
	t.Helper()
	return f.m.Run(t, "sha1sum <"+ourImage)
}

// attach starts the front end, and leaves a mark in both kernels' logs.
func (f *ourFront) attach(t *testing.T, flags string) *lab.Process {
	t.Helper()
	f.m.Run(t, "echo "+t.Name()+" >/dev/kmsg")
	p := f.in.Start(t, fmt.Sprintf("idc blk attach --platform xen --backend 0 --vdev %d --nbd unix:/tmp/ourfront.sock %s", lab.Xvda, flags))
	p.WaitFor(t, "attached")
	return p
}

// since is dom0's log since the last attach; raw with the lines' levels.
func (f *ourFront) since(t *testing.T, raw string) string {
	t.Helper()
	return f.m.Run(t, fmt.Sprintf("dmesg %s | awk 'index($0, %q) {s=\"\"; next} {s = s $0 \"\\n\"} END {printf \"%%s\", s}'", raw, t.Name()))
}

// exchange reads the disk, writes it, and ends.
func (f *ourFront) exchange(t *testing.T, s ourSetting) {
	p := f.attach(t, s.flags)
	f.reads(t)
	f.writes(t)
	if log := f.since(t, ""); !strings.Contains(log, fmt.Sprintf("xen-blkback: backend/vbd/%d/%d: %s\n", f.id, lab.Xvda, s.said)) {
		t.Errorf("xen-blkback doesn't say %q, but:\n%s", s.said, log)
	}
	f.key(t, "ring-page-order", s.order)
	f.key(t, "multi-queue-num-queues", s.queues)
	stop(t, p)
	if front, back := f.disk.State(t); front != lab.Closed || back != lab.Closed {
		t.Errorf("detached, the ends are in states %s and %s", front, back)
	}
	if out := complaints(p.Output()); strings.Count(out, "\n") != 1 {
		t.Errorf("the front end complained:\n%s", out)
	}
	f.clean(t)
	if sum := f.inDom0(t); sum != f.sum {
		t.Errorf("dom0 finds a disk with the sum %s, not %s", sum, f.sum)
	}
}

func (f *ourFront) key(t *testing.T, name, want string) {
	t.Helper()
	if got := strings.TrimSpace(f.m.Run(t, fmt.Sprintf("xenstore-read %s/%s 2>/dev/null || true", f.disk.FrontPath, name))); got != want {
		t.Errorf("the front end's %s is %q, not %q", name, got, want)
	}
}

// reads copies the disk, and compares it with what was written last.
func (f *ourFront) reads(t *testing.T) {
	t.Helper()
	if sum := f.in.Run(t, "nbdcopy "+ourURI+" - | sha1sum"); sum != f.sum {
		t.Errorf("the disk's sum is %s, not %s", sum, f.sum)
	}
}

// writes gives the whole disk other contents.
func (f *ourFront) writes(t *testing.T) {
	t.Helper()
	f.sum = f.in.Run(t, `set -e
dd if=/dev/urandom of=/tmp/there bs=1M count=4 2>/dev/null
nbdcopy --flush /tmp/there `+ourURI+`
sha1sum </tmp/there
rm /tmp/there`)
}

// clean fails the test if one of the front end's pages is still mapped, or if a kernel
// complains.
func (f *ourFront) clean(t *testing.T) {
	t.Helper()
	// The hypervisor prints an entry for each grant that is in use; a domU's first
	// two are the console's and the store's.
	table := f.m.Run(t, "xl debug-keys g; sleep 0.2; xl dmesg -c")
	own := fmt.Sprintf("grant-table for remote d%d ", f.id)
	begin := strings.LastIndex(table, own)
	if begin < 0 || !strings.Contains(table[begin:], "gnttab_usage_print_all ] done") {
		t.Fatalf("the hypervisor doesn't print its grant tables, but:\n%s", table)
	}
	table, _, _ = strings.Cut(table[begin:], "-------- active")
	used := strings.Count(table, "(XEN) [0x") - strings.Count(table, "[0x000]") - strings.Count(table, "[0x001]")
	if used != 0 {
		t.Errorf("%d pages are still mapped:\n%s", used, table)
	}
	const bad = ` | grep -E '^<[0-4]>' | grep -E 'blk|vbd|grant|gnt|xenbus|BUG|WARN|Call Trace|I/O' || true`
	if said := f.since(t, "-r"+bad); said != "" {
		t.Errorf("dom0's kernel complains:\n%s", said)
	}
	if said := f.in.Run(t, "dmesg -r"+bad); f.id != 0 && said != "" {
		t.Errorf("the kernel of %s complains:\n%s", f.in.Name(), said)
	}
}

// testKilled kills the front end in the middle of its work. xen-blkback has its pages
// mapped for as long as nobody tells it to close, so they can't be had back at once; the
// next front end tells it, and doesn't wait for them.
func (f *ourFront) testKilled(t *testing.T) {
	for range 2 {
		p := f.attach(t, "")
		f.in.Run(t, `dd if=/dev/urandom of=/tmp/there bs=1M count=4 2>/dev/null
( while nbdcopy /tmp/there `+ourURI+`; do :; done ) >/dev/null 2>&1 & sleep 0.5`)
		p.Signal(t, syscall.SIGKILL)
		p.Wait(t)
	}
	p := f.attach(t, "")
	f.writes(t)
	f.reads(t)
	stop(t, p)
	f.clean(t)
	if sum := f.inDom0(t); sum != f.sum {
		t.Errorf("dom0 finds a disk with the sum %s, not %s", sum, f.sum)
	}
}

// testReassigned takes the disk away while it's attached, as a toolstack does, and
// assigns it again. NBD clients only wait.
func (f *ourFront) testReassigned(t *testing.T) {
	p := f.attach(t, "")
	f.disk.Detach(t)
	f.clean(t)
	client := f.in.Start(t, `sh -c "nbdcopy `+ourURI+` - | sha1sum"`)
	f.disk = f.m.Disk(t, f.wanted)
	f.disk.Await(t)
	client.WaitFor(t, strings.TrimSpace(f.sum))
	stop(t, p)
	f.clean(t)
}

// complaints is what a front end printed, without the news that an emulated machine
// took its time to connect.
func complaints(out string) string {
	var rest strings.Builder
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "still waiting for the disk") {
			rest.WriteString(line)
		}
	}
	return rest.String()
}
