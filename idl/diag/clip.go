package diag

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// longest is how much of one name or number of the file a message repeats, in bytes.
const longest = 240

// sprintf is fmt.Sprintf, but for texts of the file that are longer than anybody reads.
func sprintf(format string, args []any) string {
	short := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			short[i] = clip(a)
		case error:
			short[i] = clip(a.Error())
		case fmt.Formatter:
			short[i] = a
		case fmt.Stringer:
			short[i] = clip(a.String())
		default:
			short[i] = a
		}
	}
	return fmt.Sprintf(format, short...)
}

// clip takes the middle out of a text that is too long.
func clip(s string) string {
	if len(s) <= longest {
		return s
	}
	head, tail := s[:longest/2], s[len(s)-longest/2:]
	for !utf8.ValidString(head) && len(head) > longest/2-utf8.UTFMax {
		head = head[:len(head)-1]
	}
	return strings.ToValidUTF8(head, "?") + "..." + strings.ToValidUTF8(tail, "?")
}

// window is the stretch of a line that an excerpt shows: all of it, or what is near to a mark in a line that is too long. before
// is where the mark starts, in bytes, and moves with the line.
func window(line string, before int) (shown string, at int) {
	if len(line) <= longest {
		return line, before
	}
	start := max(0, min(before-longest/4, len(line)-longest))
	end := min(len(line), start+longest)
	head, tail := "", ""
	if start > 0 {
		head = "..."
	}
	if end < len(line) {
		tail = "..."
	}
	return head + line[start:end] + tail, before - start + len(head)
}
