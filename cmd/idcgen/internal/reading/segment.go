package reading

import "fmt"

// pageSize is that of Xen.
const pageSize = 4096

// Piece is what one segment selects of a page.
type Piece struct {
	Ref            uint32
	Offset, Length int // bytes
}

// Pieces reads the segments of a bulk from a request, and clears them and their count, so that the rest can be compared.
// Those that are in pages of their own can't be read here: then list is nil, and n their number.
func (l *Layout) Pieces(f *Form, bulk string, slot []byte) (list []Piece, n int, err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	r := c.record(f.Request)
	for _, s := range f.Segments {
		if s.Bulk != bulk {
			continue
		}
		array, count := c.check(r, s.Array), c.check(r, s.Count)
		n = int(c.get(slot, count))
		c.put(slot, count, 0)
		if n > s.Most {
			return nil, n, fmt.Errorf("%s has %d segments, and room for %d", bulk, n, s.Most)
		}
		elem := c.record(s.Elem)
		if s.Pages > 0 {
			err = c.references(slot, array, s, (n+pageSize/elem.Size-1)/(pageSize/elem.Size))
			return nil, n, err
		}
		for i := range n {
			at := slot[array.Offset+i*elem.Size:][:elem.Size]
			p, err := c.piece(elem, at)
			if err != nil {
				return nil, n, fmt.Errorf("segment %d of %s: %w", i, bulk, err)
			}
			list = append(list, p)
			clear(at)
		}
		return list, n, nil
	}
	return nil, 0, fmt.Errorf("form %s doesn't carry %s", f.Name, bulk)
}

// references checks that the first n of an array of grant references are there, and clears them.
func (c codec) references(slot []byte, array spot, s Segment, n int) error {
	if n > s.Pages {
		return fmt.Errorf("%s needs %d pages of segments, and has room for %d", s.Bulk, n, s.Pages)
	}
	for i := range n {
		ref := slot[array.Offset+4*i:][:4]
		if getNumber(ref, numbers["gref"]) == 0 {
			return fmt.Errorf("page %d of the segments of %s has no reference", i, s.Bulk)
		}
		clear(ref)
	}
	return nil
}

// piece reads a segment, in which everything else must be zero.
func (c codec) piece(r *Record, b []byte) (p Piece, err error) {
	v := r.Covers
	p.Ref = uint32(c.get(b, c.find(r, v.Gref)))
	first := c.get(b, c.find(r, v.First))
	p.Offset = int(first) * v.Bytes
	if v.Last != "" {
		last := c.get(b, c.find(r, v.Last))
		if last < first {
			return p, fmt.Errorf("it ends at %d before it begins at %d", last, first)
		}
		p.Length = int(last-first+1) * v.Bytes
	} else {
		p.Length = int(c.get(b, c.find(r, v.Count))) * v.Bytes
	}
	if p.Ref == 0 || p.Length == 0 || p.Offset+p.Length > pageSize {
		return p, fmt.Errorf("it is %+v", p)
	}
	want := make([]byte, r.Size)
	c.putPiece(r, want, p)
	if d := Differ(b, want); d != "" {
		return p, fmt.Errorf("more than the piece is in it, %s", d)
	}
	return p, nil
}

func (c codec) putPiece(r *Record, b []byte, p Piece) {
	v := r.Covers
	c.put(b, c.find(r, v.Gref), uint64(p.Ref))
	c.put(b, c.find(r, v.First), uint64(p.Offset/v.Bytes))
	if v.Last != "" {
		c.put(b, c.find(r, v.Last), uint64((p.Offset+p.Length)/v.Bytes-1))
	} else {
		c.put(b, c.find(r, v.Count), uint64(p.Length/v.Bytes))
	}
}

// PutPieces writes segments into a request, and their count. It can't where they go to pages of their own.
func (l *Layout) PutPieces(f *Form, bulk string, slot []byte, list []Piece) (err error) {
	defer catch(&err)
	c := codec{l, f.ABI}
	r := c.record(f.Request)
	for _, s := range f.Segments {
		if s.Bulk != bulk {
			continue
		}
		if s.Pages > 0 || s.After != "" || len(list) > s.Most {
			return fmt.Errorf("%d segments of %s can't be put into form %s", len(list), bulk, f.Name)
		}
		array, elem := c.check(r, s.Array), c.record(s.Elem)
		c.put(slot, c.check(r, s.Count), uint64(len(list)))
		for i, p := range list {
			c.putPiece(elem, slot[array.Offset+i*elem.Size:], p)
		}
	}
	return nil
}

// MostSegments is how many segments a form's request carries at most, of all its bulks.
func (f *Form) MostSegments() (n int) {
	for _, s := range f.Segments {
		n = max(n, s.Most)
	}
	return n
}
