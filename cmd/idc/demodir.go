//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/drivers/image"
)

// spareBytes is what the demo needs for its own small files besides the image.
const spareBytes = 1 << 20

// mostTemp is how long the path of a directory may be in which sockets can be made
// (sun_path has 108 bytes), with "/idc-demo-1234567890/broker.sock.domains" below it.
const mostTemp = 107 - len("/idc-demo-1234567890/broker.sock.domains")

// demoDir makes the demo's own directory among the temporary files.
func demoDir() (string, error) {
	temp := os.TempDir()
	if len(temp) > mostTemp {
		return "", fmt.Errorf("the path of the directory for temporary files has %d bytes, and a socket's must fit below it: set TMPDIR to one of %d at most", len(temp), mostTemp)
	}
	dir, err := os.MkdirTemp("", "idc-demo-")
	if err == nil {
		return dir, nil
	}
	if p := new(fs.PathError); errors.As(err, &p) {
		err = p.Err
	}
	return "", fmt.Errorf("the directory for temporary files, %s: %w; set TMPDIR to one that can be written to", temp, err)
}

// prepareImage makes the image, or sees that one may be used.
func (d *demo) prepareImage() error {
	d.image, d.size = d.cmd.Image, int64(d.cmd.Size)
	if d.image == "" {
		d.image = filepath.Join(d.dir, "demo.img")
	}
	st, err := os.Stat(d.image)
	there := int64(0) // bytes that the image has already
	switch {
	case err == nil && !st.Mode().IsRegular():
		return fmt.Errorf("%s is not a file; the demo overwrites all of its image, so it takes nothing else", d.image)
	case err == nil && !d.cmd.Force && holdsData(d.image):
		return fmt.Errorf("%s holds data, and the demo would overwrite all of it; say --force if that is what you want, or name a new file", d.image)
	case err == nil:
		d.size = st.Size()
		there = min(d.size, st.Sys().(*syscall.Stat_t).Blocks*512)
		err = d.cmd.checkSize(d.size)
	case errors.Is(err, os.ErrNotExist):
		err = nil
	}
	if err != nil {
		return err
	}
	if err := d.room(d.size - there); err != nil {
		return err
	}
	if st == nil {
		if err := image.Create(d.image, d.size); err != nil {
			return err
		}
	}
	d.report.Image, d.report.Size, d.report.Blocks = d.image, d.size, d.size/blockSize
	return nil
}

// room sees that everything fits where it will be written.
func (d *demo) room(imageBytes int64) error {
	own := spareBytes + 4*d.size/blockSize // the checksums
	at := filepath.Dir(d.image)
	if at == d.dir {
		return enough(d.dir, imageBytes+own, "; set TMPDIR to a directory elsewhere, or choose a smaller --size")
	}
	return firstOf(
		enough(at, imageBytes, "; name an --image elsewhere, or choose a smaller --size"),
		enough(d.dir, own, "; set TMPDIR to a directory elsewhere"))
}

// enough sees that the file system of dir has n bytes left for us.
func enough(dir string, n int64, advice string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < n {
		if filepath.Dir(dir) == filepath.Clean(os.TempDir()) {
			dir = os.TempDir()
		}
		return fmt.Errorf("the file system of %s has %s left, and the demo needs %s%s", dir, size(free), size(n), advice)
	}
	return nil
}

// full says that what failed did for want of room, if there is none left.
func (d *demo) full(err error) error {
	for _, dir := range []string{filepath.Dir(d.image), d.dir} {
		if no := enough(dir, blockSize, ""); no != nil {
			return fmt.Errorf("%w; %w", err, no)
		}
	}
	return err
}
