package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"testing"
)

func TestNumbers(t *testing.T) {
	list := []Number{Num(math.MinInt64), Num(-1), Num(0), Num(1), Num(math.MaxInt64), Unsigned(1 << 63), Unsigned(math.MaxUint64)}
	text := []string{"-9223372036854775808", "-1", "0", "1", "9223372036854775807", "9223372036854775808", "18446744073709551615"}
	for i, n := range list {
		if n.String() != text[i] || fmt.Sprint(n) != text[i] || fmt.Sprintf("%d", n) != text[i] {
			t.Errorf("%d is printed as %s, %v, %d", i, n.String(), n, n)
		}
		if b, err := json.Marshal(n); err != nil || string(b) != text[i] {
			t.Errorf("%s in JSON: %s, %v", text[i], b, err)
		} else if m := Num(5); json.Unmarshal(b, &m) != nil || m != n {
			t.Errorf("%s from JSON: %v", b, m)
		}
		want, _ := new(big.Int).SetString(text[i], 10)
		if got, ok := NumOf(want); !ok || got != n || n.Big().Cmp(want) != 0 {
			t.Errorf("%s becomes %v, %v", want, got, ok)
		}
		for j, m := range list {
			if got := n.Cmp(m); got != big.NewInt(int64(i)).Cmp(big.NewInt(int64(j))) {
				t.Errorf("comparing %v with %v: %d", n, m, got)
			}
		}
	}
	if got := fmt.Sprintf("%#x %5d|%-5d|", Unsigned(math.MaxUint64), Num(-3), Num(7)); got != "0xffffffffffffffff    -3|7    |" {
		t.Error(got)
	}
	if got := Num(-1).Bits(); got != math.MaxUint64 {
		t.Errorf("the bits of -1 are %#x", got)
	}
	if _, ok := NumOf(new(big.Int).Lsh(big.NewInt(1), 64)); ok {
		t.Error("2^64 fits")
	}
}

func TestRanges(t *testing.T) {
	for _, c := range []struct {
		size        int
		signed      bool
		least, most string
	}{
		{1, false, "0", "255"}, {1, true, "-128", "127"}, {8, false, "0", "18446744073709551615"},
		{8, true, "-9223372036854775808", "9223372036854775807"},
	} {
		if least, most := Range(c.size, c.signed); least.String() != c.least || most.String() != c.most {
			t.Errorf("%d bytes, signed %v: %v to %v", c.size, c.signed, least, most)
		}
	}
}
