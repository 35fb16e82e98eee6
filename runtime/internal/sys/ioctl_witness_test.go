//go:build linux && (amd64 || 386 || arm64)

package sys

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestIoctlsAreXens compares every number and offset with Xen's own C headers.
func TestIoctlsAreXens(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Fatal("no gcc to compile the witness with: install Debian's package gcc")
	}
	exe := filepath.Join(t.TempDir(), "ioctls")
	args := []string{"-Wall", "-Werror", "-o", exe, "testdata/ioctls.c"}
	if runtime.GOARCH == "386" {
		args = append(args, "-m32") // the machine is an amd64 one
	}
	if out, err := exec.Command(gcc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v (the headers are in Debian's package libxen-dev)\n%s", err, out)
	}
	want, err := exec.Command(exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(ours(), "\n") + "\n"
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("the headers say -, we say +:\n%s", diff)
	}
}

// ours is what ioctls.c prints, from our own structures.
func ours() (lines []string) {
	number := func(name string, n uintptr) { lines = append(lines, fmt.Sprintf("%s %x", name, n)) }
	at := func(field string, offset uintptr) { lines = append(lines, fmt.Sprintf("%s %d", field, offset)) }

	number("IOCTL_GNTALLOC_ALLOC_GREF", ioctlGntallocAlloc)
	number("IOCTL_GNTALLOC_DEALLOC_GREF", ioctlGntallocDealloc)
	number("GNTALLOC_FLAG_WRITABLE", gntallocWritable)
	var alloc gntallocAlloc
	at("ioctl_gntalloc_alloc_gref.domid", offset(alloc, "domid"))
	at("ioctl_gntalloc_alloc_gref.flags", offset(alloc, "flags"))
	at("ioctl_gntalloc_alloc_gref.count", offset(alloc, "count"))
	at("ioctl_gntalloc_alloc_gref.index", offset(alloc, "index"))
	at("ioctl_gntalloc_alloc_gref.gref_ids", gntallocHead)
	var dealloc gntallocDealloc
	at("ioctl_gntalloc_dealloc_gref.index", offset(dealloc, "index"))
	at("ioctl_gntalloc_dealloc_gref.count", offset(dealloc, "count"))

	number("IOCTL_GNTDEV_MAP_GRANT_REF", ioctlGntdevMap)
	number("IOCTL_GNTDEV_UNMAP_GRANT_REF", ioctlGntdevUnmap)
	number("IOCTL_GNTDEV_SET_UNMAP_NOTIFY", ioctlUnmapNotify)
	number("IOCTL_GNTALLOC_SET_UNMAP_NOTIFY", ioctlUnmapNotify)
	number("UNMAP_NOTIFY_SEND_EVENT", unmapSendEvent)
	number("IOCTL_GNTDEV_GRANT_COPY", ioctlGntdevCopy)
	var m gntdevMap
	at("ioctl_gntdev_map_grant_ref.count", offset(m, "count"))
	at("ioctl_gntdev_map_grant_ref.index", offset(m, "index"))
	at("ioctl_gntdev_map_grant_ref.refs", offset(m, "refs"))
	var ref gntdevRef
	at("sizeof ioctl_gntdev_grant_ref", reflect.TypeOf(ref).Size())
	at("ioctl_gntdev_grant_ref.domid", offset(ref, "domid"))
	at("ioctl_gntdev_grant_ref.ref", offset(ref, "ref"))
	var u gntdevUnmap
	at("ioctl_gntdev_unmap_grant_ref.index", offset(u, "index"))
	at("ioctl_gntdev_unmap_grant_ref.count", offset(u, "count"))
	for _, device := range []string{"gntdev", "gntalloc"} {
		var n unmapNotify
		name := "ioctl_" + device + "_unmap_notify"
		at("sizeof "+name, reflect.TypeOf(n).Size())
		at(name+".index", offset(n, "index"))
		at(name+".action", offset(n, "action"))
		at(name+".event_channel_port", offset(n, "port"))
	}
	var c gntdevCopy
	at("ioctl_gntdev_grant_copy.count", offset(c, "count"))
	at("ioctl_gntdev_grant_copy.segments", offset(c, "segments"))
	var s copySegment
	at("sizeof ioctl_gntdev_grant_copy_segment", reflect.TypeOf(s).Size())
	at("ioctl_gntdev_grant_copy_segment.source", offset(s, "source"))
	at("ioctl_gntdev_grant_copy_segment.dest", offset(s, "dest"))
	for i, half := range []string{"ref", "offset", "domid"} {
		at("ioctl_gntdev_grant_copy_segment.source.foreign."+half, inForeign(i))
	}
	at("ioctl_gntdev_grant_copy_segment.len", offset(s, "len"))
	at("ioctl_gntdev_grant_copy_segment.flags", offset(s, "flags"))
	at("ioctl_gntdev_grant_copy_segment.status", offset(s, "status"))

	number("IOCTL_EVTCHN_BIND_INTERDOMAIN", ioctlEvtchnBind)
	number("IOCTL_EVTCHN_BIND_UNBOUND_PORT", ioctlEvtchnListen)
	number("IOCTL_EVTCHN_UNBIND", ioctlEvtchnUnbind)
	number("IOCTL_EVTCHN_NOTIFY", ioctlEvtchnNotify)
	number("IOCTL_EVTCHN_RESET", ioctlEvtchnReset)
	var b evtchnBind
	at("ioctl_evtchn_bind_interdomain.remote_domain", offset(b, "domain"))
	at("ioctl_evtchn_bind_interdomain.remote_port", offset(b, "port"))
	at("ioctl_evtchn_bind_unbound_port.remote_domain", offset(evtchnListen{}, "domain"))
	at("ioctl_evtchn_unbind.port", offset(evtchnPort{}, "port"))
	at("ioctl_evtchn_notify.port", offset(evtchnPort{}, "port"))
	return lines
}

// offset is where a field of a structure lies.
func offset(structure any, field string) uintptr {
	f, ok := reflect.TypeOf(structure).FieldByName(field)
	if !ok {
		panic("no field " + field)
	}
	return f.Offset
}

// inForeign is the byte at which foreign puts its i-th argument of ref, offset, domid.
func inForeign(i int) uintptr {
	var args [3]uint32
	args[i] = 1
	word := foreign(uint16(args[2]), args[0], args[1])
	b := binary.LittleEndian.AppendUint64(nil, word)
	for at := range b {
		if b[at] != 0 {
			return uintptr(at)
		}
	}
	return ^uintptr(0)
}

// TestCopySegments: a batch holds what was put into it, and nothing after Reset.
func TestCopySegments(t *testing.T) {
	var c GrantCopy
	local := make([]byte, 64)
	c.From(7, 9, 4000, local[:60])
	c.To(7, 10, 8, local[4:])
	want := []copySegment{
		{source: 9 | 4000<<32 | 7<<48, dest: uint64(Address(local)), len: 60, flags: copySourceGref},
		{source: uint64(Address(local)) + 4, dest: 10 | 8<<32 | 7<<48, len: 60, flags: copyDestGref},
	}
	for i, s := range c.segments {
		if s != want[i] {
			t.Errorf("segment %d is %+v, want %+v", i, s, want[i])
		}
	}
	if n := testing.AllocsPerRun(10, func() {
		c.Reset()
		c.From(7, 9, 0, local)
		c.To(7, 9, 0, local)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if c.Reset(); c.Len() != 0 || c.locals[:1][0] != nil {
		t.Error("Reset left something")
	}
}
