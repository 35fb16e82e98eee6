package nbd

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
)

func TestNegotiation(t *testing.T) {
	testenv.Leaks(t)
	d := newMemDisk(t, 8<<20, 4096)
	addr, _ := serveDisk(t, d)
	c := dial(t, addr)
	c.greet(flagFixedNewstyle)

	c.option(5, nil) // STARTTLS
	if kind, _ := c.optionReply(5); kind != repErrUnsup {
		t.Errorf("unknown option: %#x", kind)
	}
	c.option(optList, nil)
	if kind, data := c.optionReply(optList); kind != repServer || string(data[4:]) != "disk" {
		t.Errorf("LIST: %#x %q", kind, data)
	}
	c.optionReply(optList)
	c.option(optInfo, infoData("nosuch"))
	if kind, _ := c.optionReply(optInfo); kind != repErrUnknown {
		t.Errorf("unknown export: %#x", kind)
	}
	for _, bad := range [][]byte{nil, {0, 0, 0, 9, 0, 0}, {255, 255, 255, 255, 0, 0}, {0, 0, 0, 0, 0, 1}, make([]byte, 7)} {
		c.option(optGo, bad)
		if kind, _ := c.optionReply(optGo); kind != repErrInvalid {
			t.Errorf("GO with % x: %#x", bad, kind)
		}
	}
	c.option(77, make([]byte, maxOptionData+1))
	if kind, _ := c.optionReply(77); kind != repErrTooBig {
		t.Errorf("long option: %#x", kind)
	}

	c.option(optGo, infoData("disk", infoName, infoBlockSize))
	be := binary.BigEndian
	want := [][]byte{
		be.AppendUint16(be.AppendUint64([]byte{0, infoExport}, 8<<20), 0x16d),
		be.AppendUint32(be.AppendUint32(be.AppendUint32([]byte{0, infoBlockSize}, 1), 4096), 1<<20),
		append([]byte{0, infoName}, "disk"...),
	}
	for _, w := range want {
		if kind, data := c.optionReply(optGo); kind != repInfo || !bytes.Equal(data, w) {
			t.Errorf("GO: %#x % x, want % x", kind, data, w)
		}
	}
	if kind, _ := c.optionReply(optGo); kind != repAck {
		t.Errorf("GO ends with %#x", kind)
	}
	c.do(cmdFlush, 0, 0, 0, nil, 0)
	c.request(cmdDisc, 0, 0, 0, 0, nil)
	c.expectClosed()
}

func infoData(name string, wants ...uint16) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(name)))
	b = append(b, name...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(wants)))
	for _, w := range wants {
		b = binary.BigEndian.AppendUint16(b, w)
	}
	return b
}

func TestExportNamePadding(t *testing.T) {
	addr, _ := serveDisk(t, newMemDisk(t, 4096, 512))
	c := dial(t, addr)
	c.greet(flagFixedNewstyle)
	c.option(optExportName, []byte("disk"))
	c.bytes(10 + exportNamePadding)
	c.do(cmdFlush, 0, 0, 0, nil, 0)
}

// TestHostile lets clients break the protocol. Each is disconnected, and another
// client isn't disturbed.
func TestHostile(t *testing.T) {
	testenv.Leaks(t)
	addr, _ := serveDisk(t, newMemDisk(t, 1<<20, 512))
	bystander := attach(t, addr)
	for name, attack := range map[string]func(c *client){
		"flags":         func(c *client) { c.greet(1 << 30) },
		"option magic":  func(c *client) { c.greet(1); c.send(make([]byte, optionHeaderSize)) },
		"huge option":   func(c *client) { c.greet(1); c.send([]byte("IHAVEOPT\x00\x00\x00\x07\xff\xff\xff\xff")) },
		"unknown name":  func(c *client) { c.greet(3); c.option(optExportName, []byte("nosuch")) },
		"request magic": func(c *client) { c.enter(); c.send(make([]byte, requestHeaderSize)) },
		"huge write":    func(c *client) { c.enter(); c.request(cmdWrite, 0, 1, 0, 1<<31, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, addr)
			attack(c)
			c.expectClosed()
			bystander.do(cmdFlush, 0, 0, 0, nil, 0)
		})
	}
}

func (c *client) enter() {
	c.greet(3)
	c.option(optExportName, nil)
	c.bytes(10)
}

func TestRefusals(t *testing.T) {
	const size = 1 << 20
	for _, tt := range []struct {
		name     string
		readOnly bool
		cmd      uint16
		flags    uint16
		off      uint64
		n        uint32
		data     []byte
		want     uint32
	}{
		{"read past the end", false, cmdRead, 0, size - 1, 2, nil, errInval},
		{"read far away", false, cmdRead, 0, 1 << 63, 1, nil, errInval},
		{"read that overflows", false, cmdRead, 0, 1<<64 - 1, 2, nil, errInval},
		{"read too much", false, cmdRead, 0, 0, maxPayload + 1, nil, errInval},
		{"write past the end", false, cmdWrite, 0, size - 1, 2, []byte("ab"), errNoSpace},
		{"zero past the end", false, cmdWriteZeroes, 0, size, 1, nil, errNoSpace},
		{"trim past the end", false, cmdTrim, 0, 1, size, nil, errInval},
		{"unknown command", false, 99, 0, 0, 0, nil, errInval},
		{"unknown flag", false, cmdRead, 1 << 9, 0, 1, nil, errInval},
		{"DF without structured replies", false, cmdRead, cmdFlagDF, 0, 1, nil, errInval},
		{"block status without a context", false, cmdBlockStatus, 0, 0, 512, nil, errInval},
		{"fast zero not offered", false, cmdWriteZeroes, cmdFlagFastZero, 0, 512, nil, errInval},
		{"misplaced flag", false, cmdTrim, cmdFlagNoHole, 0, 512, nil, errInval},
		{"write read-only", true, cmdWrite, 0, 0, 2, []byte("ab"), errPerm},
		{"trim read-only", true, cmdTrim, 0, 0, 2, nil, errPerm},
		{"read nothing", false, cmdRead, 0, size, 0, nil, 0},
		{"write nothing", false, cmdWrite, 0, 0, 0, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newMemDisk(t, size, 512)
			d.info.ReadOnly = tt.readOnly
			addr, _ := serveDisk(t, d)
			c := attach(t, addr)
			c.do(tt.cmd, tt.flags, tt.off, tt.n, tt.data, tt.want)
			c.do(cmdRead, 0, 0, 0, nil, 0) // the connection lives
		})
	}
}

func TestErrno(t *testing.T) {
	for err, want := range map[error]uint32{
		nil: 0, syscall.EROFS: errPerm, syscall.EIO: errIO, syscall.ENOSPC: errNoSpace, syscall.EOPNOTSUPP: errNotSup,
		syscall.EINVAL: errInval, syscall.ENOMEM: errNoMem, os.ErrClosed: errIO,
		fmt.Errorf("write: %w", syscall.EDQUOT): errNoSpace,
	} {
		if got := errno(err); got != want {
			t.Errorf("errno(%v) = %d, want %d", err, got, want)
		}
	}
	d := newMemDisk(t, 8<<20, 512)
	d.fail = syscall.ENOSPC
	addr, _ := serveDisk(t, d)
	c := attach(t, addr)
	c.do(cmdRead, 0, 0, 512, nil, errNoSpace)
	c.do(cmdWrite, 0, 512, 3, []byte("abc"), errNoSpace)
	c.do(cmdRead, 0, 0, 4<<20, nil, errNoSpace)
	c.do(cmdWrite, 0, 512, 4<<20, make([]byte, 4<<20), errNoSpace)
}

// TestAgainstModel sends random requests at odd offsets and compares the disk with an
// array, for sectors smaller and larger than the requests.
func TestAgainstModel(t *testing.T) {
	testenv.Leaks(t)
	for _, sector := range []int{1, 512, 4096} {
		t.Run(fmt.Sprint(sector), func(t *testing.T) {
			const size = 6 << 20
			d := newMemDisk(t, size, sector)
			addr, stop := serveDisk(t, d)
			c := attach(t, addr)
			model := make([]byte, size)
			rnd := rand.New(rand.NewPCG(1, uint64(sector)))
			for range 400 {
				limit := []int{700, 20000, 300000, 3 << 20}[rnd.IntN(4)]
				n := 1 + rnd.IntN(limit)
				off := rnd.IntN(size - n + 1)
				switch rnd.IntN(4) {
				case 0:
					if got := c.read(uint64(off), uint32(n)); !bytes.Equal(got, model[off:off+n]) {
						t.Fatalf("%d bytes at %d differ", n, off)
					}
				case 1, 2:
					for i := off; i < off+n; i++ {
						model[i] = byte(rnd.Uint32())
					}
					c.do(cmdWrite, 0, uint64(off), uint32(n), model[off:off+n], 0)
				case 3:
					clear(model[off : off+n])
					c.do(cmdWriteZeroes, cmdFlagNoHole, uint64(off), uint32(n), nil, 0)
				}
			}
			stop()
			if !bytes.Equal(d.data, model) {
				t.Error("the disk differs from the model")
			}
			if n := d.allocs.Load(); n != 0 {
				t.Errorf("%d allocations not given back", n)
			}
		})
	}
}

// TestNeighbours has many clients write bytes of one sector, each its own, at once.
func TestNeighbours(t *testing.T) {
	testenv.Leaks(t)
	d := newMemDisk(t, 8192, 4096)
	addr, stop := serveDisk(t, d)
	var wg sync.WaitGroup
	for who := range 4 {
		c := attach(t, addr)
		wg.Go(func() {
			for i := range 512 {
				c.request(cmdWrite, 0, 7, uint64(i*4+who), 1, []byte{byte(i) ^ byte(who)})
			}
			for range 512 {
				c.reply()
			}
		})
	}
	wg.Wait()
	stop()
	for i := range 2048 {
		if want := byte(i/4) ^ byte(i%4); d.data[i] != want {
			t.Fatalf("byte %d is %#x, want %#x", i, d.data[i], want)
		}
	}
}

func TestTrimKeepsPartialSectors(t *testing.T) {
	d := newMemDisk(t, 4096, 512)
	addr, stop := serveDisk(t, d)
	c := attach(t, addr)
	c.do(cmdTrim, 0, 100, 1500, nil, 0) // 100..1600 holds the sectors 512..1536
	c.do(cmdTrim, 0, 2000, 10, nil, 0)  // holds none
	stop()
	for i, b := range d.data {
		if inside := i >= 512 && i < 1536; (b == 0xdd) != inside {
			t.Fatalf("byte %d is %#x", i, b)
		}
	}
}

func TestFUAFlushes(t *testing.T) {
	d := newMemDisk(t, 8<<20, 512)
	addr, _ := serveDisk(t, d)
	c := attach(t, addr)
	c.do(cmdWrite, 0, 0, 1, []byte("a"), 0)
	if n := d.flushes.Load(); n != 0 {
		t.Errorf("%d flushes after a plain write", n)
	}
	c.do(cmdWrite, cmdFlagFUA, 0, 1, []byte("a"), 0)
	c.do(cmdWrite, cmdFlagFUA, 0, 2<<20, make([]byte, 2<<20), 0)
	c.do(cmdTrim, cmdFlagFUA, 0, 512, nil, 0)
	if n := d.flushes.Load(); n != 3 {
		t.Errorf("%d flushes after three writes with FUA", n)
	}
}

// TestShutdownFinishes stops the server while a write waits in the disk: it is
// finished and answered.
func TestShutdownFinishes(t *testing.T) {
	testenv.Leaks(t)
	d := newMemDisk(t, 4096, 512)
	d.gate, d.entered = make(chan struct{}), make(chan struct{}, 1)
	addr, stop := serveDisk(t, d)
	c := attach(t, addr)
	c.request(cmdWrite, 0, 5, 0, 3, []byte("abc"))
	<-d.entered
	time.AfterFunc(50*time.Millisecond, func() { close(d.gate) })
	stop()
	if cookie, no := c.reply(); cookie != 5 || no != 0 {
		t.Errorf("cookie %d error %d", cookie, no)
	}
	c.expectClosed()
	if !strings.HasPrefix(string(d.data), "abc") {
		t.Error("not written")
	}
	if _, err := net.Dial("unix", addr); err == nil {
		t.Error("the socket is still there")
	}
}

// TestShutdownGivesUp stops the server while a write hangs for good.
func TestShutdownGivesUp(t *testing.T) {
	testenv.Leaks(t)
	d := newMemDisk(t, 4096, 512)
	d.gate, d.entered = make(chan struct{}), make(chan struct{}, 1)
	addr, stop := serveDisk(t, d)
	c := attach(t, addr)
	c.request(cmdWrite, 0, 5, 0, 3, []byte("abc"))
	<-d.entered
	stop()
	if _, no := c.reply(); no != errShutdown {
		t.Errorf("error %d", no)
	}
}

// TestVanishedClient has clients hang up while their changes are under way. Those are
// the disk's until they are over: what a later client changes comes after them, in
// whole sectors and in parts of them, and the clients count until then.
func TestVanishedClient(t *testing.T) {
	for name, later := range map[string]func(c *client){
		"whole sectors": func(c *client) { c.do(cmdWrite, 0, 512, 512, bytes.Repeat([]byte("n"), 512), 0) },
		"partly":        func(c *client) { c.do(cmdWrite, 0, 1000, 24, bytes.Repeat([]byte("n"), 24), 0) },
		"zeroes":        func(c *client) { c.do(cmdWriteZeroes, 0, 600, 500, nil, 0) },
		"trim":          func(c *client) { c.do(cmdTrim, 0, 512, 512, nil, 0) },
	} {
		t.Run(name, func(t *testing.T) {
			testenv.Leaks(t)
			d := newMemDisk(t, 4096, 512)
			d.gate, d.entered = make(chan struct{}), make(chan struct{}, 8)
			addr, stop := serveDisk(t, d)
			for i := range 3 { // one less than may be attached at once
				c := attach(t, addr)
				c.request(cmdWrite, 0, 5, uint64(512-i), 1024, bytes.Repeat([]byte("o"), 1024))
				if i == 0 {
					<-d.entered
				}
				time.Sleep(10 * time.Millisecond) // the others wait for the first, and are there before the last
				c.Close()
			}
			last := attach(t, addr)
			answered := make(chan struct{})
			go func() { defer close(answered); later(last) }()
			select {
			case <-answered:
				t.Error("a change was answered while an older one of the same sectors was under way")
			case <-time.After(50 * time.Millisecond):
			}
			close(d.gate)
			<-answered
			got := d.snapshot()
			stop()
			if !bytes.Equal(got, d.data) {
				t.Errorf("after the last change was answered there came an older one")
			}
			if got[1023] == 'o' || got[510] != 'o' {
				t.Errorf("the disk holds %q", got[500:1030])
			}
		})
	}
}

// TestMute has a client that sends many reads and takes no reply.
func TestMute(t *testing.T) {
	testenv.Leaks(t)
	d := newMemDisk(t, 1<<20, 512)
	addr, _ := serveDisk(t, d)
	mute := attach(t, addr)
	go func() {
		for {
			b := make([]byte, requestHeaderSize)
			binary.BigEndian.PutUint32(b, magicRequest)
			binary.BigEndian.PutUint32(b[24:], 1<<20)
			if _, err := mute.Write(b); err != nil {
				return
			}
		}
	}()
	other := attach(t, addr)
	for range 100 {
		other.read(0, 512)
	}
	mute.Close()
}

// TestTooManyClients has one client more than are served, which is disconnected after a
// while.
func TestTooManyClients(t *testing.T) {
	testenv.Leaks(t)
	addr, _ := serveWaiting(t, newMemDisk(t, 4096, 512), time.Millisecond)
	for range 4 {
		attach(t, addr)
	}
	dial(t, addr).expectClosed()
}

// TestNextClient has clients come while others leave: there is room for each, though
// the server may hear of the new one first.
func TestNextClient(t *testing.T) {
	testenv.Leaks(t)
	addr, _ := serveWaiting(t, newMemDisk(t, 4096, 512), time.Hour)
	clients := make([]*client, 4)
	for i := range clients {
		clients[i] = attach(t, addr)
	}
	for i := range 100 {
		clients[i%4].request(cmdDisc, 0, 0, 0, 0, nil)
		clients[i%4].Close()
		clients[i%4] = attach(t, addr)
	}
	waiting := make([]*client, 4) // as many as are served
	for i := range waiting {
		waiting[i] = dial(t, addr)
	}
	for i := range clients {
		clients[i].Close()
	}
	for _, c := range waiting {
		c.greet(flagFixedNewstyle | flagNoZeroes)
		c.option(optExportName, nil)
		c.bytes(10)
		c.read(0, 512)
	}
}

func TestListen(t *testing.T) {
	for _, bad := range []string{"", "unix:", "udp:x", "/path", "tcp:"} {
		if _, err := Listen(bad); err == nil {
			t.Errorf("Listen(%q) succeeded", bad)
		}
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen("unix:" + path); err == nil || !strings.Contains(err.Error(), "another program") {
		t.Errorf("a socket in use: %v", err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	l, err = Listen("unix:" + path)
	if err != nil {
		t.Fatalf("a stale socket: %v", err)
	}
	if got, want := URI(l, "my disk"), "nbd+unix:///my%20disk?socket="+path; got != want {
		t.Errorf("URI %s, want %s", got, want)
	}
	l.Close()
	os.WriteFile(path, []byte("precious"), 0o600)
	if _, err := Listen("unix:" + path); err == nil {
		t.Error("replaced a file that is no socket")
	}
}

// TestNoAllocation holds the steady state of reads and writes to no allocation.
func TestNoAllocation(t *testing.T) {
	addr, _ := serveDisk(t, newMemDisk(t, 1<<20, 512))
	c := attach(t, addr)
	write := append(binary.BigEndian.AppendUint32(nil, magicRequest), make([]byte, 24+4096)...)
	write[7], write[26] = cmdWrite, 16 // 4096 bytes
	read := bytes.Clone(write[:requestHeaderSize])
	read[7] = cmdRead
	in := make([]byte, replyHeaderSize+4096)
	step := func(req, rep []byte) {
		if _, err := c.Write(req); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(rep); {
			k, err := c.Read(rep[n:])
			if err != nil {
				t.Fatal(err)
			}
			n += k
		}
	}
	allocs := testing.AllocsPerRun(500, func() {
		step(write, in[:replyHeaderSize])
		step(read, in)
	})
	if allocs >= 1 {
		t.Errorf("a write and a read allocate %v times", allocs)
	}
}

// lockable is a disk that can be made read-only.
type lockable struct {
	*memDisk
	readOnly atomic.Bool
}

func (d *lockable) Info() Info {
	info := d.memDisk.Info()
	info.ReadOnly = d.readOnly.Load()
	return info
}

// A client that comes is told whether the disk can be written to now, whoever was told
// something else before.
func TestReadOnlyComesAndGoes(t *testing.T) {
	testenv.Leaks(t)
	d := &lockable{memDisk: newMemDisk(t, 4096, 512)}
	addr, stop := serveDisk(t, d)
	for range 2 {
		for readOnly, want := range map[bool]uint32{true: errPerm, false: 0} {
			d.readOnly.Store(readOnly)
			c := dial(t, addr)
			c.greet(flagFixedNewstyle | flagNoZeroes)
			c.option(optExportName, nil)
			if flags := binary.BigEndian.Uint16(c.bytes(10)[8:]); flags&transReadOnly != 0 != readOnly {
				t.Errorf("read-only is %v, and the flags are %#x", readOnly, flags)
			}
			c.do(cmdWrite, 0, 0, 1, []byte{1}, want)
			c.Close()
		}
	}
	stop()
}
