//go:build linux

package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a number of bytes, written with an optional suffix K, M, G or T (powers of
// 1024, with or without iB).
type size int64

// units are the suffixes in rising order.
const units = "KMGT"

// UnmarshalText reads 512, 64M, 1GiB.
func (s *size) UnmarshalText(text []byte) error {
	digits := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(string(text)), "B"), "I")
	factor := int64(1)
	if n := len(digits); n > 0 {
		if i := strings.IndexByte(units, digits[n-1]); i >= 0 {
			factor, digits = int64(1)<<(10*(i+1)), digits[:n-1]
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/factor {
		return fmt.Errorf("size %q: want bytes, or a number with K, M, G or T, such as 256M", text)
	}
	*s = size(n * factor)
	return nil
}

// String writes the size with the largest suffix that fits.
func (s size) String() string {
	if s < 1024 {
		return fmt.Sprintf("%d B", int64(s))
	}
	v, i := float64(s)/1024, 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%s %ciB", strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0"), units[i])
}
