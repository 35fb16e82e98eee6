package xen

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// bits32 is an image with a file system, and a domain that isn't running yet: GRUB, built
// for 32 bits, which has a front end of its own. It reads a file, says its sum, writes a
// block and turns itself off. What it says is in a log.
const bits32 = `set -e
mkdir -p /tmp/bits32/boot/grub
cat >/tmp/bits32/boot/grub/grub.cfg <<'END'
hashsum --hash sha1 /data
set answer=42
save_env --file /grubenv answer
sleep 1
halt
END
head -c 600000 /dev/urandom >/tmp/bits32/data
{ echo '# GRUB Environment Block'; head -c 999 /dev/zero | tr '\0' '#'; } >/tmp/bits32/grubenv
mkfs.ext4 -q -d /tmp/bits32 /tmp/bits32.img 16M >&2
cat >/tmp/bits32.cfg <<'END'
name = "bits32"
type = "pvh"
kernel = "/lab/grub32"
memory = 64
on_poweroff = "destroy"
on_reboot = "destroy"
on_crash = "destroy"
END
xl create -q -p /tmp/bits32.cfg >&2
id=$(xl domid bits32)
setsid agent console $id /tmp/bits32.sock /tmp/bits32.log </dev/null >/dev/null 2>&1 &
echo $id`

// TestThirtyTwoBits has a 32-bit domain use a disk of ours, whose requests are laid
// out for that architecture.
func TestThirtyTwoBits(t *testing.T) {
	m := lab.Open(t)
	defer m.Run(t, "rm -r /tmp/bits32*")
	defer m.Run(t, "! xl domid bits32 2>/dev/null || xl destroy bits32")
	id, err := strconv.Atoi(strings.TrimSpace(m.Run(t, bits32)))
	if err != nil {
		t.Fatal(err)
	}
	serve := serveDisk(t, m, id, lab.Xvda, "/tmp/bits32.img")
	m.Run(t, "xl unpause bits32")
	m.Await(t, fmt.Sprintf(`[ "$(xenstore-read /local/domain/%d/device/vbd/%d/protocol)" = x86_32-abi ]`, id, lab.Xvda))
	m.Await(t, "! xl domid bits32")
	sum, _, _ := strings.Cut(m.Run(t, "sha1sum </tmp/bits32/data"), " ")
	if said := m.Run(t, "cat /tmp/bits32.log"); !strings.Contains(said, sum+"  /data") {
		t.Errorf("it doesn't find the sum %s, but says:\n%s", sum, said)
	}
	if status := serve.Wait(t); status.Code != 0 { // by itself, since its domain is no more
		t.Errorf("the server ended with %v:\n%s", status, serve.Output())
	}
	if wrote := m.Run(t, "e2fsck -fn /tmp/bits32.img >&2; mount -o loop,ro /tmp/bits32.img /mnt && cat /mnt/grubenv && umount /mnt"); !strings.Contains(wrote, "\nanswer=42\n") {
		t.Errorf("dom0 doesn't find what it wrote, but:\n%s", wrote)
	}
}
