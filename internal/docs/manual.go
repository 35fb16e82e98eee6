package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// heading begins the section of a command.
var heading = regexp.MustCompile(`(?m)^### (.+)$`)

// flagRow is a row of a section's table of flags: the short name, the name, and the
// default.
var flagRow = regexp.MustCompile("(?m)^\\| (?:`-(\\w)`, )?`--([a-z-]+)(?: [^`]+)?` \\| (?:`([^`]*)`|–) \\|")

// CheckManual holds the manual at path to the grammar of its command: a section
// `### NAME COMMAND` for each command and no other, with a row for each of its flags
// and no other, and the flags of all commands in the table before the first section.
// Whatever environment variable sets a flag is named. Every example parses.
func CheckManual(t *testing.T, path string, parser *kong.Kong) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m := manual{t: t, text: string(text), sections: map[string]string{}}
	m.split()
	m.compare("every command", parser.Model.Node, m.sections[""])
	for _, c := range parser.Model.Leaves(true) {
		name := parser.Model.Name + " " + c.Path()
		section, ok := m.sections[name]
		if !ok {
			t.Errorf("%s has no section '### %s'", path, name)
		}
		delete(m.sections, name)
		m.compare(name, c, section)
		m.examples(parser, c.Detail)
	}
	delete(m.sections, "")
	for name := range m.sections {
		t.Errorf("%s describes '%s', and there is no such command", path, name)
	}
	m.examples(parser, m.text)
}

// manual is a page under examination.
type manual struct {
	t        *testing.T
	text     string
	sections map[string]string // by heading; "" is what comes before the first
}

// split fills sections. One ends at the next heading of its own or a higher level.
func (m *manual) split() {
	heads := heading.FindAllStringSubmatchIndex(m.text, -1)
	if len(heads) == 0 {
		m.t.Fatal("the manual has no sections")
	}
	m.sections[""] = m.text[:heads[0][0]]
	for _, h := range heads {
		section := m.text[h[1]:]
		if end := regexp.MustCompile(`(?m)^##?#? `).FindStringIndex(section); end != nil {
			section = section[:end[0]]
		}
		m.sections[m.text[h[2]:h[3]]] = section
	}
}

// compare holds a table of flags to the flags of n itself.
func (m *manual) compare(what string, n *kong.Node, section string) {
	m.t.Helper()
	var have, want []string
	for _, row := range flagRow.FindAllStringSubmatch(section, -1) {
		have = append(have, describe(row[1], row[2], row[3]))
	}
	for _, f := range n.Flags {
		short := ""
		if f.Short != 0 {
			short = string(f.Short)
		}
		want = append(want, describe(short, f.Name, f.Default))
		for _, env := range f.Envs {
			if !strings.Contains(m.text, "`"+env+"`") {
				m.t.Errorf("%s: --%s can be set by %s, which isn't named", what, f.Name, env)
			}
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		m.t.Errorf("%s: the manual's flags are\n\t%q\nand the command's\n\t%q", what, have, want)
	}
}

func describe(short, name, value string) string {
	return strings.TrimSpace("-" + short + " --" + name + " " + value)
}

// examples parses every line of text that runs the command.
func (m *manual) examples(parser *kong.Kong, text string) {
	m.t.Helper()
	for line := range strings.Lines(text) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), parser.Model.Name+" ")
		if !ok || strings.HasPrefix(line, "[") {
			continue
		}
		for _, end := range []string{" &", " |", " >", " <", "  #"} {
			line, _, _ = strings.Cut(line, end)
		}
		if _, err := parser.Parse(strings.Fields(line)); err != nil {
			m.t.Errorf("example %q: %v", line, err)
		}
	}
}
