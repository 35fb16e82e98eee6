package randproto

import (
	"fmt"
	"slices"
	"strings"
)

// transaction draws a transaction of a drawn protocol with one form for each struct that can carry it.
func (d *drawer) transaction(r *ring, name string) {
	s := r.requests[0]
	all := d.paths(s.fields, "")
	args := d.some(all, d.within(0, 4), map[string]bool{"data": true, "more": true})
	var params, assigns []string
	start := ""
	for _, p := range args {
		switch {
		case p.group == nil && p.field.kind == number && d.one(6): // an argument of its own name
			n := "arg_" + p.last()
			params, assigns = append(params, n+" "+p.field.typ), append(assigns, p.text+" = "+n)
		default:
			params = append(params, p.text)
			if p.group == nil && p.field.unit != nil && p.field.unit.bytes > 0 {
				start = p.last()
			}
		}
	}
	bulks := 0
	if s.array != "" && d.one(2) {
		bulks = 1
		params = append(params, "data bulk "+d.way()+maybe(d.one(4), " up to 20000"))
		if s.more != "" && d.one(4) {
			bulks = 2
			params = append(params, "more bulk "+d.way())
		}
	}
	assigns = append(assigns, d.constants(all, args, bulks)...)
	rsp := ""
	if results := d.some(r.results, d.within(0, 2), map[string]bool{}); len(results) > 0 {
		var names []string
		for _, p := range results {
			names = append(names, p.text)
		}
		rsp = fmt.Sprintf(" -> (%s)", strings.Join(names, ", "))
	}
	forms := []string{d.form(r, s, "direct", assigns, bulks)}
	if len(r.requests) > 1 && (r.requests[1].array != "" || bulks == 0) && d.one(2) {
		forms = append(forms, d.form(r, r.requests[1], "large", assigns, bulks))
	}
	if start != "" && bulks == 1 && d.one(2) {
		forms = append(forms, "split data advancing "+start)
	}
	d.doc()
	d.block(fmt.Sprintf("transaction %s(%s)%s%s", name, strings.Join(params, ", "), rsp, d.clauses(false)), forms)
}

// form draws one form; each takes a value of the tag for itself.
func (d *drawer) form(r *ring, s *slot, name string, assigns []string, bulks int) string {
	list := slices.Clone(assigns)
	if r.tag != "" && len(r.ops) > 0 {
		list = append(list, r.tag+" = "+r.ops[0])
		r.ops = r.ops[1:]
	}
	switch bulks {
	case 1:
		list = append(list, s.array+" = data")
	case 2:
		if s.more != "" {
			list = append(list, fmt.Sprintf("%s = data then more counted %s", s.array, s.more))
		} else {
			list = append(list, s.array+" = data")
		}
	}
	d.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return fmt.Sprintf("form %s %s { %s }", name, s.name, strings.Join(list, ", "))
}

// constants gives some of the fields that no argument is for a value.
func (d *drawer) constants(all, args []path, bulks int) (list []string) {
	used := map[string]bool{}
	for _, p := range d.some(all, d.within(0, 3), used) {
		clash := false
		for _, q := range args {
			clash = clash || strings.HasPrefix(p.text+".", q.text+".") || strings.HasPrefix(q.text+".", p.text+".")
		}
		if v := d.value(p, bulks); v != "" && !clash {
			list = append(list, p.text+" = "+v)
		}
	}
	return list
}

func (d *drawer) value(p path, bulks int) string {
	switch {
	case p.group != nil && p.group.enum != nil:
		return pick(d, p.group.enum.values)
	case p.group != nil:
		return fmt.Sprint(d.r.IntN(1 << min(p.group.width, 8)))
	case p.field.kind == number && p.field.unit == nil && bulks > 0 && p.field.size > 2 && d.one(3):
		return "length of data"
	case p.field.kind == number && p.field.unit == nil && !p.field.signed && !strings.HasSuffix(p.field.typ, "be") && p.field.size > 1 && d.one(6):
		return "device"
	case p.field.kind == number && p.field.signed:
		return fmt.Sprint(d.within(-128, 127))
	case p.field.kind == number:
		return fmt.Sprint(d.within(0, 255))
	case p.field.kind == enumerated && len(p.field.enum.values) > 0:
		return pick(d, p.field.enum.values)
	case p.field.kind == flag:
		return fmt.Sprint(d.r.IntN(2))
	}
	return ""
}
