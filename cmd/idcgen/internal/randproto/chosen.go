package randproto

import (
	"fmt"
	"strings"
)

// chosen draws a protocol whose layout the compiler chooses.
func (d *drawer) chosen(versioned bool) {
	if d.one(4) {
		d.status()
	}
	if d.one(2) {
		d.extraKeys()
	}
	if d.one(8) {
		d.say("reserved %d", d.within(1, 9))
	}
	calls := map[string]bool{}
	last := "x"
	for range d.within(1, 4) {
		name := d.alike(calls, last)
		last = name
		d.doc()
		if d.one(20) {
			d.say("message %s(%s) from %s", name, d.signature(d.within(0, 3), false), pick(d, []string{"front", "back credit"}))
			continue
		}
		rsp := ""
		if d.one(2) {
			rsp = fmt.Sprintf(" -> (%s)", d.signature(d.within(1, 3), false))
		}
		d.say("transaction %s(%s)%s%s", name, d.signature(d.within(0, 4), true), rsp, d.clauses(versioned))
	}
}

func (d *drawer) clauses(versioned bool) (s string) {
	if d.one(4) {
		s += " replay" + maybe(d.one(40), " idempotent")
	}
	if d.one(50) {
		s += fmt.Sprintf(" quota %d", d.within(1, 40))
	}
	if len(d.keys) > 0 && d.one(4) {
		s += maybe(d.one(3), " optional") + fmt.Sprintf(" when %q", pick(d, d.keys))
	}
	if !d.drawing && d.one(12) {
		s += fmt.Sprintf(" number %s", pick(d, []string{"100", "65535", "77"}))
	}
	if versioned && d.one(4) {
		s += " since 1"
	}
	return s
}

// signature draws arguments or results.
func (d *drawer) signature(n int, bulks bool) string {
	local := map[string]bool{}
	var list []string
	for range n {
		name := d.local(local)
		var f *field
		switch {
		case bulks && d.one(5):
			list = append(list, fmt.Sprintf("%s bulk%s %s up to %s", name, d.of(), d.way(), pick(d, []string{"4 KiB", "64 KiB", "1 MiB", "100", "20000"})))
			bulks = d.one(12)
			continue
		case d.one(4):
			f = d.counted("")
		case len(d.unions) > 0 && d.one(60):
			f = &field{typ: pick(d, d.unions).name}
		default:
			f = d.fixed()
		}
		list = append(list, name+" "+f.typ)
	}
	return strings.Join(list, ", ")
}

// of draws what a bulk consists of, and way which way it goes.
func (d *drawer) of() string {
	if len(d.structs) > 0 && d.one(12) {
		return " of " + pick(d, d.structs).name
	}
	return ""
}

func (d *drawer) way() string {
	if d.one(15) {
		return "both ways"
	}
	return pick(d, []string{"from front", "from back"})
}

// status draws the protocol's own status, and returns its name.
func (d *drawer) status() string {
	name := "status"
	if d.taken[name] || d.one(5) {
		name = d.name()
	}
	d.taken[name] = true
	signed := d.one(2)
	bad := 5
	if signed {
		bad = -1
	}
	lines := []string{"okay = 0 means success", fmt.Sprintf("broken = %d means failure", bad)}
	if d.one(2) {
		lines = append(lines, "nonsense = 7 means malformed")
	}
	if d.one(2) {
		lines = append(lines, "foreign = 9 means unsupported")
	}
	if d.one(2) {
		lines = append(lines, "special = 11")
	}
	d.block(maybe(d.one(2), "open ")+fmt.Sprintf("status enum %s %s", name, intName(pick(d, sizes), signed)), lines)
	return name
}
