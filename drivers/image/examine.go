//go:build linux

package image

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// examine finds out what was opened with flags, and claims it.
func (i *Image) examine(flags int, opts Options) error {
	st, err := i.file.Stat()
	if err != nil {
		return err
	}
	native := 512
	switch {
	case st.Mode().IsRegular():
	case isDevice(st):
		if native, err = unix.IoctlGetInt(i.fd, unix.BLKSSZGET); err != nil {
			return fmt.Errorf("ask the device for its sector size: %w", err)
		}
	default:
		return fmt.Errorf("neither a file nor a block device, but %s", st.Mode().Type())
	}
	end, err := i.end()
	if err != nil {
		return fmt.Errorf("find its size: %w", err)
	}
	if err := i.checkFormat(opts.Format, end); err != nil {
		return err
	}
	if err := i.setSector(opts.SectorSize, native); err != nil {
		return err
	}
	if err := i.checkSize(end); err != nil {
		return err
	}
	i.setEnd(end)
	if !opts.Shared {
		if err := i.claim(st, flags); err != nil {
			return err
		}
	}
	i.probeDiscard(st)
	i.probeExtents(st)
	return nil
}

// setSector settles the sector size.
func (i *Image) setSector(want, native int) error {
	if want == 0 {
		want = native
	}
	if want != 512 && want != 4096 {
		return fmt.Errorf("sector size %d; it must be 512 or 4096 bytes", want)
	}
	if want < native {
		return fmt.Errorf("sector size %d; the device's sectors have %d bytes", want, native)
	}
	i.sector = int64(want)
	return nil
}

// checkSize holds the disk's size to its sectors. What ends within a sector can only be
// read: the disk's end would have to become the file's.
func (i *Image) checkSize(end int64) error {
	switch rest := end % i.sector; {
	case end == 0, end < i.sector && !i.readOnly:
		return fmt.Errorf("%d bytes long; a disk has a sector of %d bytes at least ('truncate -s 1G' makes it longer)", end, i.sector)
	case rest != 0 && !i.readOnly:
		return fmt.Errorf("%d bytes long, which is not a multiple of the sector size %d: it can be served read-only, and 'truncate -s %%%d' makes it one",
			end, i.sector, i.sector)
	}
	return nil
}

// setEnd takes up how long the file or device is.
func (i *Image) setEnd(end int64) (changed bool) {
	size := i.down(end)
	if i.readOnly {
		size = i.up(end)
	}
	bytes := min(end, size)
	before := i.bytes.Swap(bytes)
	return i.size.Swap(size) != size || before != bytes
}
