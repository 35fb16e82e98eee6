package layout

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Write draws the layout as tables.
func (l *Layout) Write(w io.Writer) error {
	var text strings.Builder
	t := &tables{w: tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)}
	t.head(l)
	t.constants(l)
	for _, e := range l.Enums {
		t.enum(e)
	}
	for _, b := range l.Bits {
		t.bits(b)
	}
	for _, group := range byName(l.Records, func(r Record) string { return r.Name }) {
		t.record(group)
	}
	for _, group := range byName(l.Rings, func(r Ring) string { return r.Name }) {
		t.ring(group)
	}
	t.keys(l.Keys)
	if err := errors.Join(t.err, t.w.Flush()); err != nil {
		return err
	}
	for line := range strings.Lines(text.String()) {
		if _, err := io.WriteString(w, strings.TrimRight(line, " \n")+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// tables writes rows of cells and remembers the first error.
type tables struct {
	w   *tabwriter.Writer
	err error
}

func (t *tables) printf(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

// title starts a table; tabwriter aligns each table by itself.
func (t *tables) title(format string, args ...any) {
	if t.err == nil {
		t.err = t.w.Flush()
	}
	t.printf("\n"+format+"\n", args...)
}

func (t *tables) row(cells ...any) {
	texts := make([]string, len(cells))
	for i, c := range cells {
		texts[i] = fmt.Sprint(c)
	}
	t.printf("  %s\t\n", strings.Join(texts, "\t"))
}

func (t *tables) head(l *Layout) {
	t.printf("protocol %s: device/%s, backend/%s\n", l.Protocol, l.Device, strings.Join(l.Backs, " or backend/"))
	for _, a := range l.ABIs {
		note := ""
		if a.Assumed {
			note = "assumed when the front writes no protocol"
		}
		t.row(a.Name, a.String, note)
	}
}

func (t *tables) constants(l *Layout) {
	if len(l.Units) > 0 {
		t.title("units")
	}
	for _, u := range l.Units {
		if u.Bytes > 0 {
			t.row(u.Name, fmt.Sprintf("%d bytes", u.Bytes))
		} else {
			t.row(u.Name)
		}
	}
	if len(l.Constants) > 0 {
		t.title("constants")
	}
	for _, c := range l.Constants {
		t.row(c.Name, c.Value, c.Unit)
	}
}

func (t *tables) enum(e Enum) {
	kind := "closed"
	if e.Open {
		kind = "open"
	}
	t.title("enum %s %s, %s", e.Name, e.Type, kind)
	for _, v := range e.Values {
		t.row(v.Value, v.Name)
	}
	for _, r := range e.Reserved {
		t.row(r, "(reserved)")
	}
}

func (t *tables) bits(b Bits) {
	t.title("bits %s %s", b.Name, b.Type)
	for _, g := range b.Groups {
		at := fmt.Sprintf("%d", g.Shift)
		if g.Width > 1 {
			at = fmt.Sprintf("%d-%d", g.Shift, g.Shift+g.Width-1)
		}
		t.row(at, fmt.Sprintf("%#x", g.Mask), g.Name, g.Enum)
	}
}

// record shows a struct or union on all of its ABIs side by side, or once if they agree.
func (t *tables) record(group []Record) {
	group = collapse(group, func(a, b Record) bool {
		a.ABI = b.ABI
		return fmt.Sprint(a) == fmt.Sprint(b)
	}, func(r *Record, abi string) { r.ABI = abi })
	sizes := make([]string, len(group))
	for i, r := range group {
		sizes[i] = fmt.Sprintf("%s: %d bytes, alignment %d", r.ABI, r.Size, r.Align)
	}
	t.title("%s %s (%s)", group[0].Kind, group[0].Name, strings.Join(sizes, "; "))
	head := []any{}
	for _, r := range group {
		head = append(head, "@"+r.ABI)
	}
	t.row(append(head, "size", "field", "type", "unit")...)
	fields := make([]map[fieldName]*Field, len(group))
	for i, r := range group {
		fields[i] = fieldsByName(r)
	}
	for _, name := range fieldOrder(group) {
		t.field(fields, name)
	}
}

func (t *tables) field(group []map[fieldName]*Field, name fieldName) {
	var cells []any
	var shown *Field
	for _, fields := range group {
		cell := "-"
		if f := fields[name]; f != nil {
			cell, shown = fmt.Sprint(f.Offset), f
		}
		cells = append(cells, cell)
	}
	t.row(append(cells, shown.Size, shown.Name, strings.TrimSuffix(shown.Type, " in "+shown.Unit), shown.Unit)...)
}

// fieldName is a field's name; several pads share one, so they are counted.
type fieldName struct {
	name string
	nth  int
}

func fieldsByName(r Record) map[fieldName]*Field {
	out, seen := make(map[fieldName]*Field, len(r.Fields)), map[string]int{}
	for i := range r.Fields {
		f := &r.Fields[i]
		out[fieldName{f.Name, seen[f.Name]}] = f
		seen[f.Name]++
	}
	return out
}

// fieldOrder lists the fields of all ABIs: those of the one that has most of them.
func fieldOrder(group []Record) (names []fieldName) {
	most := group[0]
	for _, r := range group {
		if len(r.Fields) > len(most.Fields) {
			most = r
		}
	}
	seen := map[string]int{}
	for _, f := range most.Fields {
		names = append(names, fieldName{f.Name, seen[f.Name]})
		seen[f.Name]++
	}
	return names
}

func (t *tables) ring(group []Ring) {
	group = collapse(group, func(a, b Ring) bool {
		a.ABI, a.ID, a.Tags = b.ABI, b.ID, b.Tags // these aren't shown
		return fmt.Sprint(a) == fmt.Sprint(b)
	}, func(r *Ring, abi string) { r.ABI = abi })
	r := group[0]
	t.title("ring %s: slots of %s | %s, after %d bytes of indices", r.Name, strings.Join(r.Requests, ", "),
		strings.Join(r.Responses, ", "), r.Header)
	t.row("abi", "slot", "slots in a ring of 1, 2, 4, 8, 16 pages")
	for _, r := range group {
		var counts []string
		for n := 1; n <= len(r.Slots); n *= 2 {
			counts = append(counts, fmt.Sprint(r.Slots[n-1]))
		}
		t.row(r.ABI, fmt.Sprintf("%d bytes", r.Stride), strings.Join(counts, ", "))
	}
}

func (t *tables) keys(keys []Key) {
	if len(keys) == 0 {
		return
	}
	t.title("keys")
	t.row("in", "key", "type", "unit", "from", "by", "absent", "")
	for _, k := range keys {
		notes := []string{k.Bound, k.Rule}
		if k.PerQueue {
			notes = append(notes, "per queue")
		}
		if k.Obsolete {
			notes = append(notes, "deprecated")
		}
		t.row(k.In, k.Name, k.Type, k.Unit, k.From, k.By, k.Absent, strings.Join(strings.Fields(strings.Join(notes, " ")), " "))
	}
}

// byName groups what belongs to one name on several ABIs, in order.
func byName[T any](list []T, name func(T) string) (groups [][]T) {
	index := map[string]int{}
	for _, x := range list {
		i, ok := index[name(x)]
		if !ok {
			i = len(groups)
			index[name(x)] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], x)
	}
	return groups
}

// collapse joins neighbours that only differ in their ABI.
func collapse[T any](list []T, same func(a, b T) bool, rename func(*T, string)) []T {
	for _, x := range list[1:] {
		if !same(list[0], x) {
			return list
		}
	}
	if len(list) == 1 {
		return list
	}
	one := list[0]
	rename(&one, "all")
	return []T{one}
}
