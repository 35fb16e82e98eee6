package image

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// one returns the only file of a pattern.
func one(pattern string) (string, error) {
	files, err := filepath.Glob(pattern)
	if err != nil {
		return "", err
	}
	if len(files) != 1 {
		return "", fmt.Errorf("%d files match %s, not one", len(files), pattern)
	}
	return files[0], nil
}

// hypervisor writes Xen as the 32-bit ELF file that QEMU boots by multiboot.
func (t tree) hypervisor(to string) error {
	from, err := one(t.path("boot/xen-*-amd64.gz"))
	if err != nil {
		return err
	}
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	return os.WriteFile(to, b, 0o644)
}

// kernel writes Linux as the ELF file within its bzImage. Xen boots either; the machine
// unpacks it once in a second, where the emulated one would take several at each boot.
func (t tree) kernel(ctx context.Context, to string) error {
	from, err := one(t.path("boot/vmlinuz-*"))
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	packed, err := payload(b)
	if err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	unxz := exec.CommandContext(ctx, "xz", "-dc")
	unxz.Stdin, unxz.Stdout = bytes.NewReader(packed), out
	var stderr bytes.Buffer
	unxz.Stderr = &stderr
	if err := unxz.Run(); err != nil {
		return fmt.Errorf("%s: xz: %w: %s", from, err, stderr.Bytes())
	}
	return out.Close()
}

// payload returns the compressed kernel within a bzImage: setup_sects at 0x1f1,
// payload_offset at 0x248 and payload_length at 0x24c of its header, as
// Documentation/x86/boot.rst says. The last four bytes are the unpacked size.
func payload(b []byte) ([]byte, error) {
	if len(b) < 0x250 || string(b[0x202:0x206]) != "HdrS" {
		return nil, fmt.Errorf("not a bzImage")
	}
	begin := (int64(b[0x1f1]) + 1) * 512
	begin += int64(binary.LittleEndian.Uint32(b[0x248:]))
	end := begin + int64(binary.LittleEndian.Uint32(b[0x24c:])) - 4
	if end < begin || end > int64(len(b)) {
		return nil, fmt.Errorf("its payload lies outside of it")
	}
	packed := b[begin:end]
	if !bytes.HasPrefix(packed, []byte("\xfd7zXZ\x00")) {
		return nil, fmt.Errorf("its payload isn't compressed with xz")
	}
	return packed, nil
}
