//go:build linux

package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Raw is the format of an image that is what its bytes are, whatever they look like.
const Raw = "raw"

// ErrFormat says that a file is plainly no raw image.
var ErrFormat = errors.New("not a raw image")

// signature is what an image of another format has at a fixed place.
type signature struct {
	format string
	at     int64 // from the start, or from the end if negative
	magic  string
}

// signatures are those of the formats that QEMU knows, as its block drivers probe for
// them (block/*.c, the functions bdrv_probe), and of a fixed VHD, which has only a
// footer ("Virtual Hard Disk Image Format Specification", Hard Disk Footer Format).
var signatures = []signature{
	{"qcow2", 0, "QFI\xfb"}, // and qcow
	{"QED", 0, "QED\x00"},
	{"VHDX", 0, "vhdxfile"},
	{"VHD", 0, "conectix"},
	{"VHD", -512, "conectix"},
	{"VHD", -511, "conectix"}, // Virtual PC's footers before 2004 lack a byte
	{"VMDK", 0, "KDMV"},
	{"VMDK", 0, "COWD"},
	{"VMDK", 0, "# Disk DescriptorFile"},
	{"VDI", 0x40, "\x7f\x10\xda\xbe"},
	{"Parallels", 0, "WithoutFreeSpace"},
	{"Parallels", 0, "WithouFreSpacExt"},
	{"Bochs", 0, "Bochs Virtual HD Image"},
	{"DMG", -512, "koly"},
}

// checkFormat refuses an image that is plainly of another format: a disk's user would
// find the container where it expects the disk, and would spoil it.
func (i *Image) checkFormat(want string, end int64) error {
	switch want {
	case Raw:
		return nil
	case "":
	default:
		return fmt.Errorf("the format %q: only %q is known", want, Raw)
	}
	for _, s := range signatures {
		at := s.at
		if at < 0 {
			at += end
		}
		p := make([]byte, len(s.magic))
		if at < 0 || at+int64(len(p)) > end {
			continue
		}
		if _, err := i.file.ReadAt(p, at); err != nil && err != io.EOF {
			return fmt.Errorf("read what it begins with: %w", err)
		}
		if bytes.Equal(p, []byte(s.magic)) {
			return fmt.Errorf("%w: it looks like %s; 'qemu-img convert -O raw' makes one of it, and --format raw serves it as it is",
				ErrFormat, s.format)
		}
	}
	return nil
}
