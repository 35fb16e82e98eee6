package abis

import (
	"testing"

	"example.com/cases/raw"
	"github.com/xenidc/idc/runtime/idc"
)

func TestSent(t *testing.T) {
	gap := []byte{0, 0, 0, 0}
	head := []byte{0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0}
	y := []byte{8, 7, 6, 5, 4, 3, 2, 1}
	data := append([]byte{3, 0, 0, 0, 'a', 'b', 'c'}, make([]byte, 13)...)
	pair := func(gap []byte, a, b byte) []byte {
		return append(append([]byte{a, 0, 0, 0}, gap...), b, 0, 0, 0, 0, 0, 0, 0x80)
	}
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for abi, want := range map[string][]byte{
		"x86_64-abi": join(head, gap, y, data, gap, pair(gap, 1, 2), pair(gap, 3, 4)),
		"x86_32-abi": join(head, y, data, pair(nil, 1, 2), pair(nil, 3, 4)),
	} {
		t.Run(abi, func(t *testing.T) {
			b := raw.Serve(t, &protocol, nil, 8, func(slot, rsp []byte) { copy(rsp, slot[:4]) })
			f := NewFront(b.Front, "raw", idc.SpeakABI(abi))
			defer f.Close()
			const top = 1 << 63
			if status, err := f.A(t.Context(), 0x0102030405060708, []byte("abc"), [2]Pair{{1, top | 2}, {3, top | 4}}); err != nil || status != StatusOk {
				t.Fatal(status, err)
			}
			b.Last(t, want...)
		})
	}
}
