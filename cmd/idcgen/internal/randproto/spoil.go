package randproto

import (
	"math/rand/v2"
	"regexp"
	"strings"
)

var word = regexp.MustCompile(`[A-Za-z_0-9]+|[^\sA-Za-z_0-9]`)

// spoil makes a mistake in a text: a word that is gone, doubled, or in another's place, or a line that is gone or doubled.
func spoil(r *rand.Rand, text string) string {
	switch r.IntN(5) {
	case 0, 1:
		lines := strings.SplitAfter(text, "\n")
		i := r.IntN(len(lines))
		if r.IntN(2) == 0 {
			return strings.Join(append(lines[:i:i], lines[i+1:]...), "")
		}
		return strings.Join(append(lines[:i+1:i+1], lines[i:]...), "")
	}
	at := word.FindAllStringIndex(text, -1)
	if len(at) == 0 {
		return text
	}
	a, b := at[r.IntN(len(at))], at[r.IntN(len(at))]
	switch r.IntN(3) {
	case 0:
		return text[:a[0]] + text[a[1]:]
	case 1:
		return text[:a[1]] + " " + text[a[0]:]
	}
	return text[:a[0]] + text[b[0]:b[1]] + text[a[1]:]
}
