package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// shown is a mark for a file and the fenced block after it.
var shown = regexp.MustCompile("(?s)<!-- file: ([^>]+) -->\n\n```\\w*\n(.*?)```\n")

// mark is a mark, with or without a block. A file of an example may be shown as that of
// another module, whose name takes the place of the example's.
var mark = regexp.MustCompile(`<!-- file: (\S+)(?: as (\S+))? -->`)

// module is the path of an example, in front of what follows it.
var module = regexp.MustCompile(`github\.com/xenidc/idc/examples/\w+`)

// link is a link to somewhere in the tree.
var link = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)

func pages(t *testing.T) (list []string) {
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, found...)
	}
	if len(list) < 8 {
		t.Fatalf("only %d pages found", len(list))
	}
	return list
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A page that shows a file shows what the file says. With XENIDC_REFRESH set the
// pages are mended, and the test fails all the same.
func TestShownFilesAreTheFiles(t *testing.T) {
	for _, page := range pages(t) {
		text := read(t, page)
		if n, m := len(shown.FindAllString(text, -1)), len(mark.FindAllString(text, -1)); n != m && os.Getenv("XENIDC_REFRESH") == "" {
			t.Errorf("%s: %d of %d marks have a block below them", page, n, m)
		}
		mended := mark.ReplaceAllStringFunc(shown.ReplaceAllString(text, "<!-- file: $1 -->\n"), func(m string) string {
			sub := mark.FindStringSubmatch(m)
			text := read(t, filepath.Join(root, sub[1]))
			if sub[2] != "" {
				text = module.ReplaceAllString(text, sub[2])
			}
			return m + "\n\n```" + strings.TrimPrefix(filepath.Ext(sub[1]), ".") + "\n" + text + "```"
		})
		if mended == text {
			continue
		}
		t.Errorf("%s shows files as they aren't; set XENIDC_REFRESH=1 to mend it", page)
		if os.Getenv("XENIDC_REFRESH") != "" {
			if err := os.WriteFile(page, []byte(mended), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// What a page links to is there.
func TestLinksLead(t *testing.T) {
	for _, page := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), m[1])); err != nil {
				t.Errorf("%s links to %s: %v", page, m[1], err)
			}
		}
	}
}
