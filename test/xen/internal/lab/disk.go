package lab

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// Vdevs of the first two disks of a domU, as xen-blkfront names them: /dev/xvda and
// /dev/xvdb. The number is major 202 shifted by 8, and 16 minors for each disk
// (docs/misc/vbd-interface in Xen's sources).
const (
	Xvda = 202 << 8
	Xvdb = 202<<8 | 16
)

// The states of a device's end that tests wait for, as the store spells them
// (public/io/xenbus.h).
const (
	Initialising = "1"
	InitWait     = "2"
	Connected    = "4"
	Closing      = "5"
	Closed       = "6"
)

// Disk is a disk as a toolstack assigns it: nodes in the store, for both ends.
type Disk struct {
	// Front and Back are the two domains; 0, dom0, is the usual back.
	Front, Back int
	// Vdev is its number; 0 is Xvda.
	Vdev int
	// BackType is the kind of back end: empty or "vbd" for Linux's xen-blkback, which
	// claims every such device. A back end of another kind finds its disks under its name.
	BackType string
	// FrontType is the same on the front's side: empty or "vbd" for xen-blkfront.
	FrontType string
	// Device is the block device in Back, such as /dev/ram0, that xen-blkback is
	// told to serve, as its hotplug script would. For other back ends it's only a
	// parameter, params.
	Device string
	// ReadOnly makes it a disk that can't be written to.
	ReadOnly bool
	// FrontKeys and BackKeys are added to the two directories, and win over what would
	// be written otherwise.
	FrontKeys, BackKeys map[string]string
}

// Attached is a disk whose nodes are in the store.
type Attached struct {
	m *Machine
	// FrontPath and BackPath are the two directories.
	FrontPath, BackPath string
}

// Disk writes a disk's nodes. They are removed when the test ends, after the front
// and back had a moment to close.
func (m *Machine) Disk(t testing.TB, d Disk) *Attached {
	t.Helper()
	a := &Attached{m: m}
	if d.Vdev == 0 {
		d.Vdev = Xvda
	}
	d.BackType, d.FrontType = orVBD(d.BackType), orVBD(d.FrontType)
	a.FrontPath = fmt.Sprintf("/local/domain/%d/device/%s/%d", d.Front, d.FrontType, d.Vdev)
	a.BackPath = fmt.Sprintf("/local/domain/%d/backend/%s/%d/%d", d.Back, d.BackType, d.Front, d.Vdev)
	front, back := d.keys(a)
	if d.BackType == "vbd" {
		// What the hotplug script writes: the device's numbers, in hexadecimal.
		if d.Back != 0 {
			t.Fatal("xen-blkback is only known to run in dom0 here")
		}
		back["physical-device"] = strings.TrimSpace(m.Run(t, "stat -c %t:%T "+d.Device))
		back["hotplug-status"] = "connected"
	}
	maps.Copy(front, d.FrontKeys)
	maps.Copy(back, d.BackKeys)
	// Whoever watches must find everything, with its permissions: first the empty
	// directories, from which what is within inherits them, then all keys in the one
	// transaction that xenstore-write makes. The drivers wait for the state.
	m.Run(t, fmt.Sprintf(`set -e
xenstore-write %s '' %s ''
xenstore-chmod %[1]s n%[3]d r%[4]d
xenstore-chmod %[2]s n%[4]d r%[3]d
xenstore-write %[5]s %[6]s`, a.FrontPath, a.BackPath, d.Front, d.Back, pairs(a.FrontPath, front), pairs(a.BackPath, back)))
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(m.tail("the nodes of the disk", "xenstore-ls -fp "+a.FrontPath+"; xenstore-ls -fp "+a.BackPath))
		}
		if err := a.remove(closeTimeout); err != nil {
			t.Error(err)
		}
	})
	return a
}

// keys returns what the toolstack writes for every kind of disk.
func (d Disk) keys(a *Attached) (front, back map[string]string) {
	mode := "w"
	if d.ReadOnly {
		mode = "r"
	}
	front = map[string]string{
		"backend": a.BackPath, "backend-id": fmt.Sprint(d.Back), "state": Initialising,
		"virtual-device": fmt.Sprint(d.Vdev), "device-type": "disk",
	}
	back = map[string]string{
		"frontend": a.FrontPath, "frontend-id": fmt.Sprint(d.Front), "online": "1", "state": Initialising,
		"mode": mode, "type": "phy", "params": d.Device, "device-type": "disk", "dev": diskName(d.Vdev),
	}
	return front, back
}

// diskName is how a guest calls a disk.
func diskName(vdev int) string {
	if vdev>>8 == 202 && vdev&15 == 0 {
		return "xvd" + string(rune('a'+vdev>>4&15))
	}
	return fmt.Sprint(vdev)
}

func orVBD(s string) string {
	if s == "" {
		return "vbd"
	}
	return s
}

// pairs lists paths and values for xenstore-write.
func pairs(dir string, keys map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		fmt.Fprintf(&b, " %s/%s %s", dir, k, Quote(keys[k]))
	}
	return b.String()
}

// Quote makes one word of a text, for sh.
func Quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Await waits until both ends are Connected.
func (a *Attached) Await(t testing.TB) {
	t.Helper()
	for _, path := range []string{a.FrontPath, a.BackPath} {
		a.m.Await(t, fmt.Sprintf(`[ "$(xenstore-read %s/state)" = %s ]`, path, Connected))
	}
}

// State returns the states of the front and the back end; empty if there is none.
func (a *Attached) State(t testing.TB) (front, back string) {
	t.Helper()
	read := func(path string) string {
		return strings.TrimSpace(a.m.Run(t, "xenstore-read "+path+"/state 2>/dev/null || true"))
	}
	return read(a.FrontPath), read(a.BackPath)
}

// closeTimeout is how long a removed disk's ends have to close.
const closeTimeout = 10 * time.Second

// Detach takes the disk away as a toolstack does: the back end is asked to close,
// and when it has, the nodes go. The test fails if it doesn't.
func (a *Attached) Detach(t testing.TB) {
	t.Helper()
	a.m.Run(t, fmt.Sprintf("xenstore-write %s/online 0 %[1]s/state %s", a.BackPath, Closing))
	a.m.Await(t, fmt.Sprintf(`[ "$(xenstore-read %s/state)" = %s ]`, a.BackPath, Closed))
	if err := a.remove(closeTimeout); err != nil {
		t.Fatal(err)
	}
}

// remove removes the nodes, when the back end has closed or the time is over: what is
// to be tidied up includes back ends that died.
func (a *Attached) remove(grace time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), grace+logTimeout)
	defer cancel()
	r, err := a.m.Exec(ctx, fmt.Sprintf(`b=%[1]s; f=%[2]s
state() { xenstore-read $1/state 2>/dev/null; }
case "$(state $f),$(state $b)" in
,*|*,|%[3]s,*|*,%[4]s) ;;  # nobody uses it
*)
	xenstore-write $b/online 0 $b/state %[5]s
	end=$(($(date +%%s) + %[6]d))
	while [ "$(state $b)" = %[5]s ] && [ $(date +%%s) -lt $end ]; do sleep 0.1; done
esac
for p in $b $f; do
	xenstore-exists $p && xenstore-rm $p
	p=${p%%/*}
	xenstore-exists $p && [ -z "$(xenstore-list $p)" ] && xenstore-rm $p
done
true`, a.BackPath, a.FrontPath, Initialising, Closed, Closing, int(grace/time.Second)))
	if err == nil {
		err = r.Err()
	}
	if err != nil {
		return fmt.Errorf("removing the disk at %s: %w: %s", a.BackPath, err, r.Stderr)
	}
	return nil
}
