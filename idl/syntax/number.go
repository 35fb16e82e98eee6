package syntax

import (
	"errors"
	"math/big"
	"strconv"
	"strings"
)

// mostDigits bounds the digits of a number: far more than one of 64 bits has, and few enough to be read at once.
const mostDigits = 1000

// What can be wrong with a number, and why.
var (
	errDigits  = errors.New("a number is decimal, or hexadecimal after `0x`, and may hold `_` between digits")
	errOctal   = errors.New("a number that begins with 0 is octal in C, and decimal elsewhere")
	errTooLong = errors.New("nobody needs so many digits")
)

// ParseNumber reads a number as the language writes it: decimal or 0x hexadecimal, `_` allowed between digits. It may be of any
// size. The error's text says why the text is no number.
func ParseNumber(text string) (*big.Int, error) {
	base, digits := 10, text
	if len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") {
		base, digits = 16, text[2:]
	}
	switch {
	case strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__"):
		return nil, errDigits
	case len(digits) > mostDigits:
		return nil, errTooLong
	}
	n, ok := new(big.Int).SetString(strings.ReplaceAll(digits, "_", ""), base)
	switch {
	case !ok || strings.ContainsAny(digits, "+-"):
		return nil, errDigits
	case base == 10 && len(digits) > 1 && digits[0] == '0':
		return nil, errOctal
	}
	return n, nil
}

func strconvQuote(s string) string { return strconv.QuoteToASCII(s) }
