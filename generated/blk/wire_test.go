package blk

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// TestWire holds the encoding to bytes that were written down from the public header
// (struct blkif_request and blkif_request_indirect, xen/include/public/io/blkif.h),
// as compilers lay them out with -m64 and -m32. What the runtime chooses is zeroed
// before: the id, the device's number and the grant references.
func TestWire(t *testing.T) {
	testenv.Leaks(t)
	sector, gap := []byte{0x28, 0x27, 0x26, 0x25, 0x24, 0x23, 0x22, 0x21}, make([]byte, 4)
	id, handle, gref := make([]byte, 8), make([]byte, 2), make([]byte, 4)
	pages := make([]byte, 4*8)
	for abi, want := range map[string]struct {
		id               int
		direct, indirect []byte
	}{
		"x86_64-abi": {
			8,
			bytes.Join([][]byte{{1, 1}, handle, gap, id, sector, gref, {1, 2, 0, 0}, make([]byte, 80)}, nil),
			bytes.Join([][]byte{{6, 0, 12, 0}, gap, id, sector, handle, {0, 0}, pages, gap}, nil),
		},
		"x86_32-abi": {
			4,
			bytes.Join([][]byte{{1, 1}, handle, id, sector, gref, {1, 2, 0, 0}, make([]byte, 80)}, nil),
			bytes.Join([][]byte{{6, 0, 12, 0}, id, sector, handle, {0, 0}, pages, gap}, nil),
		},
	} {
		t.Run(abi, func(t *testing.T) {
			slots := sent(t, abi, want.id)
			for i, want := range [][]byte{want.direct, want.indirect} {
				if got := slots[i][:len(want)]; !bytes.Equal(got, want) {
					t.Errorf("request %d:\n%x, want\n%x", i, got, want)
				}
			}
		})
	}
}

// sent are the slots of a direct and an indirect request, as a back end finds them.
func sent(t *testing.T, abi string, id int) (slots [][]byte) {
	d, peer := idctest.Pair(t)
	spec := idc.BackSpec{
		Protocol: &protocol, Publish: BackKeys{FeatureMaxIndirectSegments: 12, SectorSize: 512, Sectors: 1 << 62}.publish,
		Accept: func(*idc.KeyReader) error { return nil },
		Handle: func(r *idc.Request) {
			b := bytes.Clone(r.Slot())
			rsp := r.Respond(12)
			copy(rsp[:8], b[id:id+8])
			if handle := map[uint8]int{1: 2, 6: id + 16}[b[0]]; b[0] == 1 || b[0] == 6 {
				rsp[8] = b[0] % 6
				clear(b[handle : handle+2])
			}
			clear(b[id : id+8])
			if list := id + 16; b[0] == 1 {
				clear(b[list : list+4])
			} else {
				clear(b[list+4 : list+8])
			}
			slots = append(slots, b)
		},
	}
	s := idc.NewService(peer, "x", spec)
	defer s.Close()
	f, err := Open(t.Context(), d, "x", idc.SpeakABI(abi))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	shared, err := f.Alloc(4096)
	if err != nil {
		t.Fatal(err)
	}
	defer shared.Free()
	const sector = 0x2122232425262728
	status, err := f.Write(t.Context(), sector, shared.Bytes()[512:1536])
	status2, err2 := f.Read(t.Context(), sector, make([]byte, 12*4096))
	if err != nil || err2 != nil || status != StatusOkay || status2 != StatusOkay {
		t.Fatal(status, err, status2, err2)
	}
	if binary.LittleEndian.Uint64(slots[0][id:]) != 0 {
		t.Fatal("the id isn't zeroed")
	}
	return slots
}
