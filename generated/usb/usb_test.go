package usb

import (
	"bytes"
	"testing"
)

// TestUrbRequest holds the encoding of a request to bytes that were written down
// from the public header (struct usbif_urb_request, xen/include/public/io/usbif.h).
func TestUrbRequest(t *testing.T) {
	m := UrbRequest{
		ID: 0x0102, NrBufferSegs: 1,
		Pipe:          PipeIn.WithPort(5).WithDevice(0x7f).WithEndpoint(3).WithType(TransferBulk),
		TransferFlags: TransferFlagsShortNotOk, BufferLength: 0x200,
	}
	m.U.SetCtrl([8]uint8{0x80, 6, 0, 1, 0, 0, 18, 0})
	m.Seg[0] = RequestSegment{Gref: 0x11223344, Offset: 0x10, Length: 0x200}
	got, want := make([]byte, UrbRequestSize), make([]byte, 148)
	copy(want, []byte{
		2, 1, 1, 0, // id, nr_buffer_segs
		0x85, 0xff, 0x01, 0xc0, // pipe
		1, 0, 0, 2, // transfer_flags, buffer_length
		0x80, 6, 0, 1, 0, 0, 18, 0, // u.ctrl
		0x44, 0x33, 0x22, 0x11, 0x10, 0, 0, 2, // seg[0]
	})
	if m.Put(got); !bytes.Equal(got, want) {
		t.Errorf("encoded\n%x, want\n%x", got, want)
	}
	var again UrbRequest
	if !again.Get(want) || again != m {
		t.Errorf("decoded %+v, want %+v", again, m)
	}
}

func TestPipe(t *testing.T) {
	p := Pipe(0).WithPort(31).WithDevice(127).WithEndpoint(15).WithType(TransferBulk) | PipeIn | PipeUnlink
	if p.Port() != 31 || p.Device() != 127 || p.Endpoint() != 15 || p.Type() != TransferBulk || p != 0xc007ffbf {
		t.Errorf("pipe %#x", p)
	}
	if q := p.WithPort(0xff).WithDevice(0).WithType(TransferIsochronous); q != 0x000780bf {
		t.Errorf("pipe %#x", q)
	}
}

func TestMalformed(t *testing.T) {
	b := make([]byte, UrbRequestSize)
	b[4] = 1 << 6 // a bit of pipe that has no name
	if new(UrbRequest).Get(b) {
		t.Error("a pipe with unknown bits was taken for well formed")
	}
}

// TestUnion holds that a view changes all of the union.
func TestUnion(t *testing.T) {
	var u UrbData
	u.SetIsoc(IsocData{Interval: 1, StartFrame: 2, NumberOfPackets: 3, NrFrameDescSegs: 4})
	if u != [8]byte{1, 0, 2, 0, 3, 0, 4, 0} {
		t.Errorf("isoc is %x", u)
	}
	u.SetUnlink(UnlinkData{UnlinkID: 0x0203})
	if u != [8]byte{3, 2} || u.Unlink().UnlinkID != 0x0203 {
		t.Errorf("unlink is %x", u)
	}
}
