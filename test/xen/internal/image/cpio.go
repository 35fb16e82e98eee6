package image

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
)

// The types of a file in an archive's mode, as in struct stat.
const (
	modeDir     = 0o040000
	modeFile    = 0o100000
	modeSymlink = 0o120000
	modeChar    = 0o020000
)

// archiveWriter writes an archive that the kernel unpacks as its first file system:
// the format "newc" of Documentation/driver-api/early-userspace/buffer-format.rst.
// Everything in it belongs to root, and time stands still, so that the same files make
// the same archive. Missing directories are made.
type archiveWriter struct {
	w    *bufio.Writer
	ino  int
	n    int64
	dirs map[string]bool
}

func newArchive(w io.Writer) *archiveWriter {
	return &archiveWriter{w: bufio.NewWriterSize(w, 1<<20), dirs: map[string]bool{".": true}}
}

// entry writes one entry but for its content.
func (a *archiveWriter) entry(name string, mode uint32, size int64, major, minor int) error {
	if size > 0xffffffff {
		return fmt.Errorf("%s: %d bytes don't fit in an archive", name, size)
	}
	a.ino++
	// magic ino mode uid gid nlink mtime filesize maj min rmaj rmin namesize chksum
	h := fmt.Sprintf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00",
		a.ino, mode, 0, 0, 1, 0, size, 0, 0, major, minor, len(name)+1, 0, name)
	return a.write(strings.NewReader(h))
}

// write copies r and pads to four bytes.
func (a *archiveWriter) write(r io.Reader) error {
	n, err := io.Copy(a.w, r)
	a.n += n
	if err != nil {
		return err
	}
	for ; a.n%4 != 0; a.n++ {
		if err := a.w.WriteByte(0); err != nil {
			return err
		}
	}
	return nil
}

func (a *archiveWriter) parents(name string) error {
	dir := path.Dir(name)
	if a.dirs[dir] {
		return nil
	}
	if err := a.parents(dir); err != nil {
		return err
	}
	a.dirs[dir] = true
	return a.entry(dir, modeDir|0o755, 0, 0, 0)
}

// symlink adds a symbolic link.
func (a *archiveWriter) symlink(name, target string) error {
	if err := a.parents(name); err != nil {
		return err
	}
	// A link to a directory stands for it.
	a.dirs[name] = true
	if err := a.entry(name, modeSymlink|0o777, int64(len(target)), 0, 0); err != nil {
		return err
	}
	return a.write(strings.NewReader(target))
}

// device adds a character device.
func (a *archiveWriter) device(name string, major, minor int) error {
	if err := a.parents(name); err != nil {
		return err
	}
	return a.entry(name, modeChar|0o600, 0, major, minor)
}

// text adds a file with the given content.
func (a *archiveWriter) text(name, content string) error {
	if err := a.parents(name); err != nil {
		return err
	}
	if err := a.entry(name, modeFile|0o644, int64(len(content)), 0, 0); err != nil {
		return err
	}
	return a.write(strings.NewReader(content))
}

// file adds a file of the machine, with its permissions.
func (a *archiveWriter) file(name, from string) error {
	if err := a.parents(name); err != nil {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s: not a regular file", from)
	}
	if err := a.entry(name, modeFile|uint32(st.Mode().Perm()), st.Size(), 0, 0); err != nil {
		return err
	}
	return a.write(f)
}

// close ends the archive.
func (a *archiveWriter) close() error {
	if err := a.entry("TRAILER!!!", 0, 0, 0, 0); err != nil {
		return err
	}
	// The next archive begins at a multiple of four bytes; 512 is customary.
	for ; a.n%512 != 0; a.n++ {
		if err := a.w.WriteByte(0); err != nil {
			return err
		}
	}
	return a.w.Flush()
}
