package proto

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
)

// TestLayout pins the wire form: broker and domains may be different builds.
func TestLayout(t *testing.T) {
	m := Msg{Op: Join, Status: NoSpace, Flags: 0x0201, ID: 0x04030201, A: 0x08070605, B: 0x0c0b0a09, C: 13, D: 14, Name: "xy"}
	want := []byte{1, 3, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 0, 0, 0, 14, 0, 0, 0, 'x', 'y'}
	if got := m.Append(nil); !bytes.Equal(got, want) {
		t.Errorf("Append = %x, want %x", got, want)
	}
	if got, err := Parse(want); err != nil || got != m {
		t.Errorf("Parse = %+v, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, m := range [][]byte{
		nil,
		make([]byte, headSize-1),
		Msg{Op: Join, Name: strings.Repeat("x", MaxName+1)}.Append(nil),
		Msg{Op: Link, Name: "x"}.Append(nil),
	} {
		if got, err := Parse(m); err == nil {
			t.Errorf("Parse(%x) = %+v", m, got)
		}
	}
}

func TestStatus(t *testing.T) {
	for s, want := range map[Status]error{
		NoDomain: platform.ErrNoDomain, Ended: platform.ErrPeerGone, Silent: platform.ErrPeerGone, NoSpace: platform.ErrNoSpace,
	} {
		if !errors.Is(s.Err(), want) {
			t.Errorf("status %d is %v, want %v", s, s.Err(), want)
		}
	}
	if OK.Err() != nil || Refused.Err() == nil || Status(200).Err() == nil {
		t.Error("OK alone is no error")
	}
}

// FuzzParse: whatever parses is written back as it came.
func FuzzParse(f *testing.F) {
	f.Add(Msg{Op: Join, A: Version, Name: "blk"}.Append(nil))
	f.Add(Msg{Op: Noted, ID: 7, A: 1, B: 2}.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err == nil && !bytes.Equal(m.Append(nil), b) {
			t.Errorf("%x became %+v and then %x", b, m, m.Append(nil))
		}
	})
}
