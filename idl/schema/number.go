package schema

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strconv"
)

// Number is any number that 64 bits can hold, signed or not: from -2^63 to 2^64-1. The zero Number is 0. Numbers are compared by
// ==, and printed by fmt's verbs for integers, whatever their sign.
type Number struct {
	negative bool // never of zero
	size     uint64
}

// Num is n as a Number.
func Num(n int64) Number {
	if n < 0 {
		return Number{true, -uint64(n)}
	}
	return Number{false, uint64(n)}
}

// Unsigned is n as a Number.
func Unsigned(n uint64) Number { return Number{false, n} }

// NumOf is b as a Number, if it is one.
func NumOf(b *big.Int) (Number, bool) {
	if b.IsInt64() {
		return Num(b.Int64()), true
	}
	return Number{false, b.Uint64()}, b.IsUint64()
}

// Range is the least and the greatest number that an integer of so many bytes holds.
func Range(size int, signed bool) (least, most Number) {
	if signed {
		top := uint64(1) << (8*size - 1)
		return Number{true, top}, Number{false, top - 1}
	}
	return Number{}, Number{false, math.MaxUint64 >> (64 - 8*size)}
}

// Sign is -1, 0 or 1.
func (n Number) Sign() int {
	switch {
	case n.negative:
		return -1
	case n.size > 0:
		return 1
	}
	return 0
}

// Cmp is negative if n is less than m, 0 if they are equal, and positive if it is greater.
func (n Number) Cmp(m Number) int {
	switch {
	case n.negative && m.negative:
		return cmp.Compare(m.size, n.size)
	case n.negative:
		return -1
	case m.negative:
		return 1
	}
	return cmp.Compare(n.size, m.size)
}

// In reports whether n is from least to most, both included.
func (n Number) In(least, most Number) bool { return n.Cmp(least) >= 0 && n.Cmp(most) <= 0 }

// Bits is the number in two's complement.
func (n Number) Bits() uint64 {
	if n.negative {
		return -n.size
	}
	return n.size
}

// Int64 is the number, if it is less than 2^63; otherwise the greatest int64.
func (n Number) Int64() int64 {
	if !n.negative && n.size > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(n.Bits())
}

// Big is the number as one that can be computed with.
func (n Number) Big() *big.Int {
	b := new(big.Int).SetUint64(n.size)
	if n.negative {
		b.Neg(b)
	}
	return b
}

// String is the number in decimal.
func (n Number) String() string {
	s := strconv.FormatUint(n.size, 10)
	if n.negative {
		return "-" + s
	}
	return s
}

// Format writes the number as fmt writes integers.
func (n Number) Format(f fmt.State, verb rune) {
	switch verb {
	case 'v', 's':
		verb = 'd'
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), n.Big())
}

// MarshalJSON writes the number as a JSON number.
func (n Number) MarshalJSON() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalJSON reads what MarshalJSON wrote.
func (n *Number) UnmarshalJSON(text []byte) error {
	b, ok := new(big.Int).SetString(string(text), 10)
	if ok {
		*n, ok = NumOf(b)
	}
	if !ok {
		return fmt.Errorf("%.100q is no number of 64 bits", text)
	}
	return nil
}
