package randproto_test

import (
	"os"
	"strconv"
	"testing"

	"github.com/xenidc/idc/cmd/idcgen/internal/randproto"
	"github.com/xenidc/idc/idl"
)

// A seed draws the same text always; much of what is drawn is accepted, and not everything.
func TestMostIsAccepted(t *testing.T) {
	accepted, why := 0, map[string]int{}
	const n = 400
	for seed := range uint64(n) {
		text := randproto.Text(seed)
		if text != randproto.Text(seed) {
			t.Fatalf("seed %d draws two texts", seed)
		}
		_, diags := idl.Compile("x.idc", []byte(text))
		if !diags.Failed() {
			accepted++
			continue
		}
		for _, d := range diags.Items() {
			if d.Severity == "error" {
				why[string(d.ID)]++
				if s := os.Getenv("WHY"); s == string(d.ID) {
					t.Log(seed, d)
				}
				break
			}
		}
	}
	t.Logf("%d of %d accepted; the first error of the others: %v", accepted, n, why)
	if accepted < n*2/5 || accepted > n*19/20 {
		t.Errorf("%d of %d protocols are accepted", accepted, n)
	}
	if s, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		t.Log("\n" + randproto.Text(s))
	}
}
