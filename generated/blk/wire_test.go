package blk

import (
	"bytes"
	"testing"

	"github.com/xenidc/idc/runtime/idc"
)

// TestWire holds the encoding to bytes that were written down from the public header
// (struct blkif_request and blkif_request_indirect, xen/include/public/io/blkif.h),
// as compilers lay them out with -m64 and -m32.
func TestWire(t *testing.T) {
	seg := []idc.Segment{{Ref: 0x01020304, Offset: 512, Length: 1024}}
	direct := request{operation: OperationWrite, nrSegments: 1, handle: 0x0a0b, id: 0x1112131415161718, sectorNumber: 0x2122232425262728}
	indirect := requestIndirect{operation: OperationIndirect, indirectOp: OperationRead, nrSegments: 0x0102, handle: 0x0a0b,
		id: direct.id, sectorNumber: direct.sectorNumber}
	id, sector := []byte{0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11}, []byte{0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21}
	gap := make([]byte, 4)
	for abi, want := range map[int]struct{ direct, indirect []byte }{
		abiX8664: {
			bytes.Join([][]byte{{1, 1, 0x0b, 0x0a}, gap, id, sector, {4, 3, 2, 1, 1, 2, 0, 0}}, nil),
			bytes.Join([][]byte{{6, 0, 2, 1}, gap, id, sector, {0x0b, 0x0a}}, nil),
		},
		abiX8632: {
			bytes.Join([][]byte{{1, 1, 0x0b, 0x0a}, id, sector, {4, 3, 2, 1, 1, 2, 0, 0}}, nil),
			bytes.Join([][]byte{{6, 0, 2, 1}, id, sector, {0x0b, 0x0a}}, nil),
		},
	} {
		b := make([]byte, requestSize[abi])
		direct.put(b, abi)
		putSegments(requestSeg(b, abi), seg)
		if rest := b[len(want.direct):]; !bytes.HasPrefix(b, want.direct) || len(bytes.Trim(rest, "\x00")) > 0 {
			t.Errorf("ABI %d: request %x, want %x", abi, b, want.direct)
		}
		b = make([]byte, requestIndirectSize)
		indirect.put(b, abi)
		if rest := b[len(want.indirect):]; !bytes.HasPrefix(b, want.indirect) || len(bytes.Trim(rest, "\x00")) > 0 {
			t.Errorf("ABI %d: indirect request %x, want %x", abi, b, want.indirect)
		}
	}
}
