package syntax

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseNumber reads a number as the language writes it: decimal or 0x hexadecimal, `_` allowed between digits. The full
// range of a u64 is accepted and returned as the bits of an int64.
func ParseNumber(text string) (int64, error) {
	if strings.HasPrefix(text, "_") || strings.HasSuffix(text, "_") || strings.Contains(text, "__") {
		return 0, fmt.Errorf("stray _ in %q", text)
	}
	base, digits := 10, text
	if len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") {
		base, digits = 16, text[2:]
	}
	n, err := strconv.ParseUint(strings.ReplaceAll(digits, "_", ""), base, 64)
	return int64(n), err
}

func strconvQuote(s string) string { return strconv.QuoteToASCII(s) }
