//go:build linux

package image

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
)

// TestFormats has files that are plainly no raw images, and some that only might be.
func TestFormats(t *testing.T) {
	testenv.Leaks(t)
	for _, tt := range []struct {
		name, magic string
		at          int // from the end if negative
		refused     bool
	}{
		{"nothing", "", 0, false},
		{"a boot sector", "\x55\xaa", 510, false},
		{"a magic elsewhere", "QFI\xfb", 512, false},
		{"half a magic", "QFI", 0, false},
		{"a file about them", "conectix", 4096, false},
		{"qcow2", "QFI\xfb\x00\x00\x00\x03", 0, true},
		{"qcow", "QFI\xfb\x00\x00\x00\x01", 0, true},
		{"QED", "QED\x00", 0, true},
		{"VHDX", "vhdxfile", 0, true},
		{"dynamic VHD", "conectix", 0, true},
		{"fixed VHD", "conectix", -512, true},
		{"sparse VMDK", "KDMV\x01\x00\x00\x00", 0, true},
		{"ESX's VMDK", "COWD", 0, true},
		{"VMDK's description", "# Disk DescriptorFile\nversion=1\n", 0, true},
		{"VDI", "\x7f\x10\xda\xbe", 64, true},
		{"Parallels", "WithouFreSpacExt", 0, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := make([]byte, 64<<10)
			copy(data[(tt.at+len(data))%len(data):], tt.magic)
			path := filepath.Join(t.TempDir(), "image")
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			img, err := Open(path, Options{})
			if errors.Is(err, ErrFormat) != tt.refused || !tt.refused && err != nil {
				t.Errorf("opened: %v", err)
			}
			if err == nil {
				img.Close()
			}
			if img, err = Open(path, Options{Format: Raw, ReadOnly: true}); err != nil {
				t.Fatalf("opened as raw: %v", err)
			}
			defer img.Close()
			got := make([]byte, len(data))
			if err := img.ReadAt([][]byte{got}, 0); err != nil || !bytes.Equal(got, data) {
				t.Errorf("read as raw: %v", err)
			}
		})
	}
	path := filepath.Join(t.TempDir(), "image")
	os.WriteFile(path, make([]byte, 512), 0o600)
	if _, err := Open(path, Options{Format: "qcow2"}); err == nil {
		t.Error("opened as qcow2")
	}
}
