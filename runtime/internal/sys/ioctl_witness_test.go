//go:build linux && (amd64 || 386 || arm64 || arm)

package sys

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// preamble is what the headers need, and how C says what ours says.
const preamble = `
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
typedef uint16_t domid_t;
typedef uint32_t grant_ref_t;
#include <xen/sys/evtchn.h>
#include <xen/sys/gntalloc.h>
#include <xen/sys/gntdev.h>
#define SAYS(text, value) _Static_assert((value), text)
`

// TestIoctlsAreXens has a C compiler compare every number, size and offset with Xen's own
// headers. It compiles only, so it needs nothing that could run the result.
func TestIoctlsAreXens(t *testing.T) {
	gcc, err := exec.LookPath("gcc")
	if err != nil {
		t.Fatal("no gcc to compile the witness with: install Debian's package gcc")
	}
	cmd := exec.Command(gcc, append(abiFlags(t, gcc), "-Wall", "-Werror", "-fsyntax-only", "-x", "c", "-")...)
	cmd.Stdin = strings.NewReader(preamble + strings.Join(ours(), "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("we differ from the headers (of Debian's package libxen-dev): %v\n%s", err, out)
	}
}

// abiFlags make gcc lay structures out as this architecture's does. x32 stands for 32-bit
// ARM on an amd64 machine: both have pointers of 4 bytes, and align a uint64_t to 8
// (AAPCS32, section 5.1; System V ABI, AMD64 supplement, section 10.1).
func abiFlags(t *testing.T, gcc string) []string {
	machine, err := exec.Command(gcc, "-dumpmachine").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(string(machine), "x86_64") {
		switch runtime.GOARCH {
		case "386":
			return []string{"-m32"}
		case "arm":
			return []string{"-mx32"}
		}
	}
	return nil
}

// ours is what our own structures say, in C.
func ours() (lines []string) {
	says := func(expression string, n uintptr) {
		lines = append(lines, fmt.Sprintf("SAYS(%q, %s == %d);", fmt.Sprintf("%s is %#x here", expression, n), expression, n))
	}
	number := func(name string, n uintptr) { says("(unsigned long)"+name, n) }
	size := func(structure string, n uintptr) { says("sizeof(struct "+structure+")", n) }
	at := func(field string, offset uintptr) {
		structure, field, _ := strings.Cut(field, ".")
		says("offsetof(struct "+structure+", "+field+")", offset)
	}

	number("IOCTL_GNTALLOC_ALLOC_GREF", ioctlGntallocAlloc)
	number("IOCTL_GNTALLOC_DEALLOC_GREF", ioctlGntallocDealloc)
	number("GNTALLOC_FLAG_WRITABLE", gntallocWritable)
	var alloc gntallocAlloc
	size("ioctl_gntalloc_alloc_gref", reflect.TypeOf(alloc).Size())
	at("ioctl_gntalloc_alloc_gref.domid", offset(alloc, "domid"))
	at("ioctl_gntalloc_alloc_gref.flags", offset(alloc, "flags"))
	at("ioctl_gntalloc_alloc_gref.count", offset(alloc, "count"))
	at("ioctl_gntalloc_alloc_gref.index", offset(alloc, "index"))
	at("ioctl_gntalloc_alloc_gref.gref_ids", gntallocHead)
	var dealloc gntallocDealloc
	size("ioctl_gntalloc_dealloc_gref", reflect.TypeOf(dealloc).Size())
	at("ioctl_gntalloc_dealloc_gref.index", offset(dealloc, "index"))
	at("ioctl_gntalloc_dealloc_gref.count", offset(dealloc, "count"))

	number("IOCTL_GNTDEV_MAP_GRANT_REF", ioctlGntdevMap)
	number("IOCTL_GNTDEV_UNMAP_GRANT_REF", ioctlGntdevUnmap)
	number("IOCTL_GNTDEV_SET_UNMAP_NOTIFY", ioctlUnmapNotify)
	number("IOCTL_GNTALLOC_SET_UNMAP_NOTIFY", ioctlUnmapNotify)
	number("UNMAP_NOTIFY_SEND_EVENT", unmapSendEvent)
	number("IOCTL_GNTDEV_GRANT_COPY", ioctlGntdevCopy)
	var m gntdevMap
	size("ioctl_gntdev_map_grant_ref", reflect.TypeOf(m).Size())
	at("ioctl_gntdev_map_grant_ref.count", offset(m, "count"))
	at("ioctl_gntdev_map_grant_ref.index", offset(m, "index"))
	at("ioctl_gntdev_map_grant_ref.refs", offset(m, "refs"))
	var ref gntdevRef
	size("ioctl_gntdev_grant_ref", reflect.TypeOf(ref).Size())
	at("ioctl_gntdev_grant_ref.domid", offset(ref, "domid"))
	at("ioctl_gntdev_grant_ref.ref", offset(ref, "ref"))
	var u gntdevUnmap
	size("ioctl_gntdev_unmap_grant_ref", reflect.TypeOf(u).Size())
	at("ioctl_gntdev_unmap_grant_ref.index", offset(u, "index"))
	at("ioctl_gntdev_unmap_grant_ref.count", offset(u, "count"))
	for _, device := range []string{"gntdev", "gntalloc"} {
		var n unmapNotify
		name := "ioctl_" + device + "_unmap_notify"
		size(name, reflect.TypeOf(n).Size())
		at(name+".index", offset(n, "index"))
		at(name+".action", offset(n, "action"))
		at(name+".event_channel_port", offset(n, "port"))
	}
	var c gntdevCopy
	size("ioctl_gntdev_grant_copy", reflect.TypeOf(c).Size())
	at("ioctl_gntdev_grant_copy.count", offset(c, "count"))
	at("ioctl_gntdev_grant_copy.segments", offset(c, "segments"))
	var s copySegment
	size("ioctl_gntdev_grant_copy_segment", reflect.TypeOf(s).Size())
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
