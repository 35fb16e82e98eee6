package wiretest

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/xenidc/idc/cmd/idcgen/internal/reading"
	"github.com/xenidc/idc/runtime/idc"
)

// keys lists what one side publishes of its own accord: not what leads to rings, which is the runtime's, and not rows.
func (c *check) keys(side string) (list []*reading.Key) {
	for i := range c.l.Keys {
		k := &c.l.Keys[i]
		if k.In == side && k.From == side && !k.PerQueue && !k.Made && !strings.Contains(k.Name, "%") && !(side == "front" && k.Name == "protocol") && !c.ofRing(k) {
			list = append(list, k)
		}
	}
	return list
}

func (c *check) ofRing(k *reading.Key) bool {
	for _, r := range c.l.Rings {
		for _, name := range r.Keys {
			if name == k.Name {
				return true
			}
		}
	}
	return false
}

// spelled is a legal value of a key as the store spells it, and the number that it stands for; num is false of a text.
// The same key always has the same one.
func (c *check) spelled(k *reading.Key) (text string, n uint64, num bool) {
	base, hex := strings.CutPrefix(k.Type, "hex ")
	if strings.HasSuffix(base, " pair") {
		return "1f:2", 0, false
	}
	if base == "string" {
		return "some text", 0, false
	}
	if strings.Contains(base, " | ") || base != "bool" && !c.isNumber(base) {
		return strings.Split(base, " | ")[0], 0, false
	}
	switch {
	case base == "bool":
		n = 1
	case k.Bound != "":
		n = c.bounded(k)
	default:
		n = c.enumerated(base)
	}
	switch {
	case hex:
		text = strconv.FormatUint(n, 16)
	case int64(n) < 0 && c.signed(base):
		text = strconv.FormatInt(int64(n), 10)
	default:
		text = strconv.FormatUint(n, 10)
	}
	return text, n, true
}

// bounded is the greatest number that a key's bound gives, where that is a number, and otherwise the least.
func (c *check) bounded(k *reading.Key) uint64 {
	words := strings.Fields(k.Bound)
	for _, w := range []string{words[len(words)-1], words[0]} {
		if n, err := strconv.ParseInt(w, 10, 64); err == nil {
			return uint64(n)
		}
		if n, err := strconv.ParseUint(w, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

func (c *check) isNumber(typ string) bool {
	t, err := reading.TypeOf(typ)
	_, _, ok := c.l.Number(t.Name)
	return err == nil && ok
}

func (c *check) signed(typ string) bool {
	t, err := reading.TypeOf(typ)
	_, signed, ok := c.l.Number(t.Name)
	return err == nil && ok && signed
}

// enumerated is a legal number of a type.
func (c *check) enumerated(typ string) uint64 {
	for _, e := range c.l.Enums {
		if e.Name == typ && len(e.Values) > 0 {
			return uint64(e.Values[len(e.Values)-1].Value)
		}
	}
	for _, b := range c.l.Bits {
		if b.Name == typ && len(b.Groups) > 0 {
			return uint64(b.Groups[0].Mask)
		}
	}
	return 5
}

// publish publishes what a side must, and leaves out what it may.
func (c *check) publish(side string) func(*idc.KeyWriter) {
	return func(w *idc.KeyWriter) {
		for _, k := range c.keys(side) {
			if text, _, _ := c.spelled(k); text != "" {
				w.Text(k.Name, text)
			}
		}
	}
}

// filled gives keys in Go the values that publish gives them in the store. Those of which zero stands for a default are left
// alone once in a while.
func (c *check) filled(side string) func(any) {
	leave := c.rng.IntN(3) == 0
	return func(keys any) {
		v := reflect.ValueOf(keys).Elem()
		for _, k := range c.keys(side) {
			f := goField(v, k.Name)
			if !f.IsValid() || leave && (k.Absent != "error") && !strings.Contains(c.features(), k.Name) {
				continue
			}
			text, n, num := c.spelled(k)
			switch {
			case num:
				toGo(f, n)
			case f.Kind() == reflect.String:
				f.SetString(text)
			}
		}
	}
}

// features are the keys on which calls depend.
func (c *check) features() string {
	var list []string
	for _, call := range c.l.Calls {
		list = append(list, call.When)
		for _, f := range call.Forms {
			list = append(list, f.When, f.Most)
		}
	}
	return strings.Join(list, " ")
}

// published compares what a front end wrote with what filled gave it.
func (c *check) published(r *idc.KeyReader) error {
	for _, k := range c.keys("front") {
		text, _, _ := c.spelled(k)
		got := r.Text(k.Name, "")
		if got == text || k.Obsolete || k.Rule != "" || k.Type == "hex pair" || strings.HasSuffix(k.Type, " pair") {
			continue
		}
		if legal := c.legal(k); k.Absent != "error" && (got == "" || slices.Contains(legal, got)) {
			continue
		}
		return fmt.Errorf("the front end published %s as %q, want %q", k.Name, got, text)
	}
	return nil
}

// legal are the other texts that a key may have where it was left alone: its default, and zero if that is a value of its own.
func (c *check) legal(k *reading.Key) (list []string) {
	list = append(list, strings.Trim(k.Absent, `"`))
	if n, err := strconv.ParseUint(list[0], 10, 64); err == nil && strings.HasPrefix(k.Type, "hex ") {
		list[0] = strconv.FormatUint(n, 16)
	}
	if strings.HasPrefix(k.Absent, "as ") {
		other := strings.TrimPrefix(k.Absent, "as ")
		for _, o := range c.keys("front") {
			if text, _, _ := c.spelled(o); o.Name == other {
				list = append(append(list, text), c.legal(o)...)
			}
		}
	}
	if least, _, _ := strings.Cut(k.Bound, " "); k.Bound == "" || least == "up" || strings.HasPrefix(least, "-") {
		if e := c.l.Enum(k.Type); e == nil || e.Open || e.Has(0) {
			list = append(list, "0")
		}
	}
	return list
}
