// Package rival does what the stubs do with what a Go programmer would otherwise
// take: a Unix socket by hand, and gRPC over one.
//
// An operation is a request of 64 bytes with Out bytes of data behind it, and a
// response of 64 bytes with In bytes behind it. Where the directory has a file called
// disk, the In bytes are read from it, at an offset that the request names.
package rival

import (
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// Op is what is to be done.
type Op struct {
	Depth int // operations under way at once
	Out   int // bytes of data to the server
	In    int // bytes of data from it
	// Disk is the size in bytes of the file that In bytes are read from, at random
	// multiples of In; 0 if there is none. Prepare makes it, in the other process.
	Disk    int64
	Prepare func(dir string) error
}

// message is the size in bytes of a request and a response without data:
//
//	0           4           8           12          16              24      64
//	+-----------+-----------+-----------+-----------+---------------+-- ----+
//	| Out       | slot      | In        | unused    | offset        | unused|
//	+-----------+-----------+-----------+-----------+---------------+-- ----+
const message = 64

func (o Op) fill(msg []byte, slot uint32) {
	binary.LittleEndian.PutUint32(msg, uint32(o.Out))
	binary.LittleEndian.PutUint32(msg[4:], slot)
	binary.LittleEndian.PutUint32(msg[8:], uint32(o.In))
	if o.Disk > 0 {
		binary.LittleEndian.PutUint64(msg[16:], uint64(rand.Int64N(o.Disk/int64(o.In))*int64(o.In)))
	}
}

func (o Op) bytes() int { return max(o.Out, o.In) }

// prepare makes what is read from.
func (o Op) prepare(dir string) error {
	if o.Prepare == nil {
		return nil
	}
	return o.Prepare(dir)
}

// server is what both rivals' servers know.
type server struct{ disk *os.File }

func newServer(o Op, dir string) (*server, error) {
	if err := o.prepare(dir); err != nil || o.Disk == 0 {
		return &server{}, err
	}
	f, err := os.Open(filepath.Join(dir, "disk"))
	return &server{f}, err
}

// fetch fills p as a request asks.
func (s *server) fetch(msg, p []byte) error {
	if s.disk == nil {
		return nil
	}
	_, err := s.disk.ReadAt(p, int64(binary.LittleEndian.Uint64(msg[16:])))
	return err
}
