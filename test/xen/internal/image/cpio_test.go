package image

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// list reads an archive back, as the kernel's documentation describes it.
func list(t *testing.T, b []byte) []string {
	t.Helper()
	var all []string
	for off := 0; ; {
		h := b[off : off+110]
		if string(h[:6]) != "070701" {
			t.Fatalf("no header at %d: %q", off, h)
		}
		field := func(i int) int {
			n, err := strconv.ParseUint(string(h[6+8*i:14+8*i]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(n)
		}
		mode, size, nameLen := field(1), field(6), field(11)
		name := string(b[off+110 : off+110+nameLen-1])
		data := (off + 110 + nameLen + 3) &^ 3
		if name == "TRAILER!!!" {
			return all
		}
		all = append(all, fmt.Sprintf("%06o %s %d,%d %q", mode, name, field(9), field(10), b[data:data+size]))
		off = (data + size + 3) &^ 3
	}
}

func TestArchive(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(program, []byte("#!"), 0o755); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	a := newArchive(&out)
	for _, err := range []error{
		a.symlink("bin", "usr/bin"), a.file("usr/bin/program", program), a.device("dev/console", 5, 1),
		a.text("usr/bin/text", "12345"), a.close(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		`120777 bin 0,0 "usr/bin"`,
		`040755 usr 0,0 ""`,
		`040755 usr/bin 0,0 ""`,
		`100755 usr/bin/program 0,0 "#!"`,
		`040755 dev 0,0 ""`,
		`020600 dev/console 5,1 ""`,
		`100644 usr/bin/text 0,0 "12345"`,
	}
	if diff := cmp.Diff(want, list(t, out.Bytes())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if out.Len()%512 != 0 {
		t.Errorf("%d bytes: another archive can't follow", out.Len())
	}
}

func TestPayload(t *testing.T) {
	good := make([]byte, 0x800)
	copy(good[0x202:], "HdrS")
	good[0x1f1] = 1                    // the setup is two sectors with the first
	copy(good[0x248:], "\x10\x00\x00") // from there
	copy(good[0x24c:], "\x0c\x00\x00") // with the size at its end
	copy(good[0x410:], "\xfd7zXZ\x00ab")
	change := func(at int, to string) []byte {
		b := bytes.Clone(good)
		copy(b[at:], to)
		return b
	}
	if p, err := payload(good); err != nil || string(p) != "\xfd7zXZ\x00ab" {
		t.Errorf("got %q, %v", p, err)
	}
	for name, b := range map[string][]byte{
		"short":     good[:0x100],
		"no magic":  change(0x202, "hdrs"),
		"too far":   change(0x248, "\xff\xff\xff\xff"),
		"too long":  change(0x24c, "\xff\xff\xff\x7f"),
		"too small": change(0x24c, "\x00\x00\x00"),
		"other":     change(0x410, "\x1f\x8b"),
	} {
		if p, err := payload(b); err == nil {
			t.Errorf("%s: took %d bytes", name, len(p))
		}
	}
}
