package xen

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// linuxFront is a domU whose own driver uses disks of ours, one after the other, all
// as /dev/xvda.
type linuxFront struct {
	*lab.Domain
	m *lab.Machine
	// channels is how many event channels dom0 has to the domU without a disk.
	channels string
	// theirs and ours are the logs of the domU's kernel and of dom0's.
	theirs, ours kernelLog
}

// newLinuxFront starts a domU.
func newLinuxFront(t *testing.T, m *lab.Machine, pv lab.PV) *linuxFront {
	t.Helper()
	f := &linuxFront{Domain: m.Domain(t, pv), m: m}
	f.channels = m.Run(t, f.countChannels())
	f.theirs.since(t, &f.Shell) // what booting says is no disk's fault
	f.ours.since(t, &m.Shell)
	return f
}

func (f *linuxFront) countChannels() string {
	return fmt.Sprintf("lsevtchn 0 | grep -c 'Remote Domain %d,'", f.ID)
}

// clean fails the test if something of a disk stayed in dom0, a moment after it ended.
func (f *linuxFront) clean(t *testing.T) {
	t.Helper()
	f.m.Await(t, fmt.Sprintf(`[ "$(%s)" = %s ]`, f.countChannels(), strings.TrimSpace(f.channels)))
	for _, kind := range []string{"idcvbd", "vbd"} {
		f.m.Run(t, fmt.Sprintf("! xenstore-exists /local/domain/0/backend/%s/%d", kind, f.ID))
	}
	f.m.Run(t, fmt.Sprintf("! xenstore-exists /local/domain/%d/device/vbd/%d", f.ID, lab.Xvda))
	// Whichever idc still runs has none of anybody's pages mapped.
	f.m.Run(t, "for p in $(pidof idc); do ! grep /dev/xen/gnt /proc/$p/maps || exit 1; done >&2")
}

// served is 'idc blk serve' for one disk of a domU.
type served struct {
	*lab.Process
	f *linuxFront
}

// serve makes an image of that many MiB in dom0, and serves it until the test ends
// or stop.
func (f *linuxFront) serve(t *testing.T, mib int, flags string) *served {
	t.Helper()
	f.m.Run(t, fmt.Sprintf("rm -f %s; truncate -s %dM %[1]s", image, mib))
	t.Cleanup(func() { f.tidy(t, "rm "+image) })
	return f.start(t, flags+" "+image)
}

// tidy runs a command in dom0 when the test is over.
func (f *linuxFront) tidy(t *testing.T, line string) {
	ctx, cancel := context.WithTimeout(context.Background(), lab.CommandTimeout)
	defer cancel()
	r, err := f.m.Exec(ctx, line)
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		t.Errorf("%s: %v: %s", line, err, r.Stderr)
	}
}

// image is the disk's, in dom0. It's in memory.
const image = "/tmp/disk.img"

// start serves what is there already.
func (f *linuxFront) start(t *testing.T, args string) *served {
	t.Helper()
	s := &served{f.m.Start(t, fmt.Sprintf("idc --platform xen blk serve --domain %d --vdev xvda %s", f.ID, args)), f}
	s.WaitFor(t, "serving")
	f.Await(t, "test -b /dev/xvda")
	return s
}

// stop ends the server as an operator does. Nothing stays, and it had nothing to
// complain of.
func (s *served) stop(t *testing.T) {
	t.Helper()
	s.Signal(t, syscall.SIGTERM)
	if status := s.Wait(t); status.Err() != nil {
		t.Errorf("the server ended with %v", status.Err())
	}
	s.f.Await(t, "test ! -e /dev/xvda")
	s.f.clean(t)
	if out := s.Output(); strings.Count(out, "\n") != 1 {
		t.Errorf("the server complained:\n%s", out)
	}
}

// negotiated looks for texts in what the domU's kernel says of the disk that came last.
func (f *linuxFront) negotiated(t *testing.T, want ...string) {
	t.Helper()
	said := strings.TrimSpace(f.Run(t, "dmesg | grep 'blkfront: xvda' | tail -n 1"))
	t.Log(said)
	for _, w := range want {
		if !strings.Contains(said, w) {
			t.Errorf("no %q", w)
		}
	}
}

// wrote compares keys of the front end. An empty one isn't there.
func (f *linuxFront) wrote(t *testing.T, keys map[string]string) {
	t.Helper()
	for key, want := range keys {
		path := fmt.Sprintf("/local/domain/%d/device/vbd/%d/%s", f.ID, lab.Xvda, key)
		if got := strings.TrimSpace(f.m.Run(t, "xenstore-read "+path+" 2>/dev/null || true")); got != want {
			t.Errorf("the front end's %s is %q, not %q", key, got, want)
		}
	}
}

// quiet fails the test if a kernel, or the hypervisor, logged a warning or an error
// since the last call.
func (f *linuxFront) quiet(t *testing.T) {
	t.Helper()
	if bad := f.theirs.since(t, &f.Shell) + f.ours.since(t, &f.m.Shell); bad != "" {
		t.Errorf("kernels complain:\n%s", bad)
	}
	if bad := f.m.Run(t, "xl dmesg | grep -E 'grant|gnttab|event' || true"); bad != "" {
		t.Errorf("the hypervisor complains:\n%s", bad)
	}
}

// kernelLog is how many lines of a kernel's log have been looked at.
type kernelLog int

// since returns the warnings and errors that came since the last call.
func (l *kernelLog) since(t *testing.T, s *lab.Shell) string {
	t.Helper()
	// Levels 0 (emergency) to 4 (warning) of include/linux/kern_levels.h. That the emulator
	// is slow isn't news.
	lines := strings.Split(s.Run(t, "dmesg -r"), "\n")
	seen := min(int(*l), len(lines))
	*l = kernelLog(len(lines) - 1)
	var bad strings.Builder
	for _, line := range lines[seen:] {
		if len(line) > 2 && line[0] == '<' && line[1] <= '4' && line[2] == '>' && !strings.Contains(line, "hrtimer: interrupt took") {
			fmt.Fprintf(&bad, "%s: %s\n", s.Name(), line)
		}
	}
	return bad.String()
}

// makeTree puts a file system on /dev/xvda and files of all sizes into it.
const makeTree = `set -e
mkfs.ext4 -q -N 256 /dev/xvda
mount /dev/xvda /mnt
cp -a /usr/lib/libc.so.6 /usr/lib/libm.so.6 /usr/sbin /mnt
mkdir -p /mnt/a/b/c
for n in 0 1 511 4095 4097 70000; do head -c $n /dev/urandom >/mnt/a/b/c/$n; done
` + sumTree + `
umount /mnt`

// sumTree prints one sum of all that is below /mnt, names included.
const sumTree = `(cd /mnt && find . | sort && find . -type f | sort | xargs sha1sum) | sha1sum`

// tree writes files, finds them again after mounting anew, and returns their sum.
func (f *linuxFront) tree(t *testing.T) string {
	t.Helper()
	sum := f.Run(t, makeTree)
	f.sameTree(t, sum)
	return sum
}

// sameTree mounts the disk and compares.
func (f *linuxFront) sameTree(t *testing.T, sum string) {
	t.Helper()
	if again := f.Run(t, "mount -o ro /dev/xvda /mnt && "+sumTree+" && umount /mnt"); again != sum {
		t.Errorf("mounted again, the files' sum is %s, not %s", again, sum)
	}
}

// treeInDom0 looks at the image without Xen between.
func (f *linuxFront) treeInDom0(t *testing.T, sum string) {
	t.Helper()
	f.m.Run(t, "e2fsck -fn "+image+" >&2")
	if here := f.m.Run(t, "mount -o loop,ro "+image+" /mnt && "+sumTree+" && umount /mnt"); here != sum {
		t.Errorf("dom0 finds files with the sum %s, not %s", here, sum)
	}
}

// verify has fio write requests of all sizes at random, the smallest that of a
// sector, and read them with their checksums. It overwrites the first 3 MiB.
func (f *linuxFront) verify(t *testing.T, sector int) {
	t.Helper()
	f.verifyWith(t, "--ioengine=libaio --filename=/dev/xvda --direct=1", sector)
}

// verifyWith is verify with the options that say where to.
func (f *linuxFront) verifyWith(t *testing.T, to string, sector int) {
	t.Helper()
	f.Run(t, fmt.Sprintf("fio --name=verify %s --iodepth=16 --rw=randrw --bssplit=%d/10:4k/30:12k/20:60k/25:1m/15 --size=3m "+
		"--verify=crc32c --verify_fatal=1 --verify_state_save=0 --output-format=terse", to, sector))
}
