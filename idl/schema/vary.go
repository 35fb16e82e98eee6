package schema

// Spoken lists the ABIs that the protocol may be spoken in, in the order in which they are numbered in Go. A protocol that is
// laid out alike on all has one.
func (d *Device) Spoken() []ABI {
	if d.Independent || len(d.Names) == 0 {
		return []ABI{X86_64}
	}
	list := make([]ABI, len(d.Names))
	for i, n := range d.Names {
		list[i] = n.ABI
	}
	return list
}

// Same reports whether a number is the same on all ABIs that the protocol is spoken in.
func (d *Device) Same(p PerABI) bool {
	spoken := d.Spoken()
	for _, a := range spoken {
		if p[a] != p[spoken[0]] {
			return false
		}
	}
	return true
}

// Varies reports whether the ABIs that the protocol is spoken in lay the struct's fields out in different ways. Where only its
// size differs it doesn't vary.
func (d *Device) Varies(s *Struct) bool { return d.varies(s, map[*Struct]bool{}) }

// varies is Varies with those that have been seen, none of which vary.
func (d *Device) varies(s *Struct, seen map[*Struct]bool) bool {
	if seen[s] {
		return false
	}
	seen[s] = true
	for _, f := range s.Fields {
		if !d.Same(f.Offset) || !d.Same(f.Size) && f.Type.Kind == ArrayOf {
			return true
		}
		t := f.Type
		if t.Kind == ArrayOf {
			t = t.Elem
		}
		if t.Kind == StructOf && d.varies(t.Struct, seen) {
			return true
		}
	}
	return false
}
