//go:build linux

package image

import (
	"fmt"
	"io"
	"math"

	"golang.org/x/sys/unix"
)

// maxVectors is the most that one system call takes (IOV_MAX, linux/uio.h's
// UIO_MAXIOV).
const maxVectors = 1024

// ReadAt fills bufs, in order, from the disk at off, whole or with an error. The
// memory may be changed by others meanwhile; the kernel only writes to it. It blocks
// until the data is there. It allocates nothing for up to eight buffers.
func (i *Image) ReadAt(bufs [][]byte, off int64) error {
	if err := i.check(off, total(bufs)); err != nil {
		return err
	}
	return i.transfer("read", unix.Preadv, bufs, off)
}

// WriteAt writes bufs, in order, to the disk at off, whole or with an error. If others
// change the memory meanwhile, either is written.
func (i *Image) WriteAt(bufs [][]byte, off int64) error {
	if i.readOnly {
		return ErrReadOnly
	}
	n := total(bufs)
	if err := i.check(off, n); err != nil {
		return err
	}
	if err := i.stillThere(off, n); err != nil {
		return err
	}
	return i.transfer("write", unix.Pwritev, bufs, off)
}

// Flush makes every write that has returned durable (fdatasync(2)).
func (i *Image) Flush() error {
	if i.readOnly {
		return nil
	}
	for {
		err := unix.Fdatasync(i.fd)
		if err == nil {
			return nil
		}
		if err != unix.EINTR {
			return fmt.Errorf("flush the image: %w", err)
		}
	}
}

// check holds a request to the disk. Nothing is added before it is known to be small,
// so that no request, whatever its numbers, overflows.
func (i *Image) check(off, n int64) error {
	size := i.Size()
	if off < 0 || n < 0 || off > size || n > size-off {
		return fmt.Errorf("%d bytes at %d of %d: %w", n, off, size, ErrOutside)
	}
	if (off|n)&(i.sector-1) != 0 {
		return fmt.Errorf("%d bytes at %d, sectors of %d: %w", n, off, i.sector, ErrUnaligned)
	}
	return nil
}

// stillThere fails where the file has been made shorter: writing there would make it grow
// again. A device doesn't grow.
func (i *Image) stillThere(off, n int64) error {
	var st unix.Stat_t
	if err := unix.Fstat(i.fd, &st); err != nil {
		return fmt.Errorf("find the image's size: %w", err)
	}
	if st.Mode&unix.S_IFMT == unix.S_IFREG && n > st.Size-off {
		return fmt.Errorf("%d bytes at %d of an image that was made shorter, to %d: %w", n, off, st.Size, ErrOutside)
	}
	return nil
}

// transfer calls f, again where it stopped short of the whole.
func (i *Image) transfer(what string, f vectored, bufs [][]byte, off int64) error {
	for len(bufs) > 0 {
		n, err := i.call(f, bufs[:min(len(bufs), maxVectors)], off)
		if err == unix.EINTR || err == unix.EAGAIN {
			continue
		}
		if err == nil && n == 0 && total(bufs) > 0 {
			if i.padding(off, total(bufs)) {
				zero(bufs)
				return nil
			}
			err = io.ErrUnexpectedEOF // somebody made the file shorter
		}
		if err != nil {
			return fmt.Errorf("%s the image at %d: %w", what, off, err)
		}
		off += int64(n)
		bufs = advance(bufs, n)
	}
	return nil
}

// padding says whether n bytes at off are what the last sector has and the file hasn't.
// Only what is read may end so.
func (i *Image) padding(off, n int64) bool {
	return off == i.Bytes() && off+n == i.Size() && i.readOnly
}

func zero(bufs [][]byte) {
	for _, b := range bufs {
		clear(b)
	}
}

// advance drops the first n bytes of bufs. Usually that is all; where it isn't, the
// rest is a copy, since bufs is the caller's.
func advance(bufs [][]byte, n int) [][]byte {
	for len(bufs) > 0 && n >= len(bufs[0]) {
		n -= len(bufs[0])
		bufs = bufs[1:]
	}
	if n > 0 {
		bufs = append([][]byte{bufs[0][n:]}, bufs[1:]...)
	}
	return bufs
}

// total returns the length of bufs in bytes.
func total(bufs [][]byte) int64 {
	var n int64
	for _, b := range bufs {
		if n > math.MaxInt64-int64(len(b)) {
			return math.MaxInt64
		}
		n += int64(len(b))
	}
	return n
}
