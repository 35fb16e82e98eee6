package randproto

import "strings"

// Shrink takes declarations, then lines, then items of lists away from a text, for as long as what is left still fails.
// fails is given several candidates at once and returns the first that fails as the text did, or -1; it is called until
// nothing can be taken away any more, or tries is used up.
func Shrink(text string, tries int, fails func(candidates []string) int) string {
	for tries > 0 {
		took := false
		for _, cut := range []func(string) []string{withoutDeclaration, withoutLine, withoutItem} {
			for tries > 0 {
				candidates := cut(text)
				if len(candidates) == 0 {
					break
				}
				tries--
				i := fails(candidates)
				if i < 0 {
					break
				}
				text, took = candidates[i], true
			}
		}
		if !took {
			break
		}
	}
	return text
}

// withoutDeclaration leaves out one declaration at a time; first, halves of them.
func withoutDeclaration(text string) (list []string) {
	decls := declarations(text)
	for n := len(decls) / 2; n >= 1; n /= 2 {
		for i := 0; i < len(decls); i += n {
			rest := append(decls[:i:i], decls[min(i+n, len(decls)):]...)
			list = append(list, strings.Join(rest, ""))
		}
	}
	return list
}

// declarations splits a text where no bracket is open.
func declarations(text string) (list []string) {
	depth, from := 0, 0
	for i, c := range text {
		switch c {
		case '{', '(':
			depth++
		case '}', ')':
			depth--
		case '\n':
			if depth == 0 {
				list, from = append(list, text[from:i+1]), i+1
			}
		}
	}
	if from < len(text) {
		list = append(list, text[from:])
	}
	return list
}

func withoutLine(text string) (list []string) {
	lines := strings.SplitAfter(text, "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], "\t") {
			list = append(list, strings.Join(append(lines[:i:i], lines[i+1:]...), ""))
		}
	}
	return list
}

// withoutItem leaves out one item of a list in brackets that is on one line, or what follows a word such as `replay`.
func withoutItem(text string) (list []string) {
	for i := 0; i < len(text); i++ {
		if !strings.ContainsRune("({,", rune(text[i])) {
			continue
		}
		end := strings.IndexAny(text[i+1:], "(){},\n")
		if end < 0 || strings.ContainsRune("({\n", rune(text[i+1+end])) {
			continue
		}
		end += i + 1
		if strings.TrimSpace(text[i+1:end]) == "" {
			continue
		}
		switch {
		case text[end] == ',':
			list = append(list, text[:i+1]+text[end+1:])
		case text[i] == ',':
			list = append(list, text[:i]+text[end:])
		default:
			list = append(list, text[:i+1]+text[end:])
		}
	}
	for _, w := range []string{" replay", " optional", " open", "/// Does something.\n"} {
		for at := strings.Index(text, w); at >= 0; {
			list = append(list, text[:at]+text[at+len(w):])
			next := strings.Index(text[at+1:], w)
			if next < 0 {
				break
			}
			at += 1 + next
		}
	}
	return list
}
