package randproto

import "fmt"

// extraKeys draws what the two ends publish besides their rings.
func (d *drawer) extraKeys() {
	for _, side := range []string{"back by init_wait", "front by initialised"} {
		if d.one(2) {
			continue
		}
		var lines []string
		local := map[string]bool{"ring-ref": true, "event-channel": true}
		for range d.within(1, 3) {
			name := d.local(local)
			if d.one(2) {
				name = "feature-" + name
			}
			lines = append(lines, fmt.Sprintf("%q %s", name, d.keyType(side, name)))
		}
		d.block("keys from "+side, lines)
	}
	if d.one(12) {
		d.block("keys from toolstack in back by initialising", []string{`"params" string optional`, `"feature-tool" bool default 1`})
	}
}

func (d *drawer) keyType(side, name string) string {
	switch d.r.IntN(9) {
	case 0, 1:
		if side[0] == 'b' {
			d.keys = append(d.keys, name)
		}
		return "bool default " + pick(d, []string{"0", "1"})
	case 2:
		return "string optional"
	case 3:
		return `one of "red" or "green"` + maybe(d.one(2), ` default "green"`)
	case 4:
		return fmt.Sprintf("hex %s default %d", pick(d, []string{"u16", "u32", "u64"}), d.within(0, 3000))
	case 5:
		return fmt.Sprintf("%s 1 to %d default %d", pick(d, []string{"u8", "u32", "u64", "i32"}), d.within(3, 100), d.within(1, 3))
	case 6:
		if len(d.enums) > 0 {
			if e := pick(d, d.enums); len(e.values) > 0 {
				return e.name + " default " + pick(d, e.values)
			}
		}
	case 7:
		return fmt.Sprintf("%s up to %d", pick(d, []string{"u16", "u32"}), d.within(1, 100)) + maybe(d.one(2), " default 1")
	case 8:
		if len(d.units) > 0 {
			return "u32 in " + pick(d, d.units).name + " optional"
		}
	}
	return pick(d, []string{"u32", "u64", "i16", "u8"}) + maybe(d.one(2), " optional")
}
