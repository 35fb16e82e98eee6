package lint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// holes finds bytes that no field covers. They are fine in layouts that exist, and a mistake in new ones.
func (l *linter) holes() {
	if l.p.Frozen {
		return
	}
	for _, s := range l.p.Structs {
		if s.Made || s.Frozen {
			continue
		}
		var end schema.PerABI
		for _, f := range s.Fields {
			var gap schema.PerABI
			for _, a := range schema.ABIs {
				if f.On(a) {
					gap[a], end[a] = f.Offset[a]-end[a], f.Offset[a]+f.Size[a]
				}
			}
			l.hole(f.Pos, gap, "before `"+f.Name+"`", s)
		}
		for _, a := range schema.ABIs {
			end[a] = s.Size[a] - end[a]
		}
		l.hole(s.Pos, end, "at the end", s)
	}
}

// hole reports the unused bytes of one place, which ABIs may have different numbers of.
func (l *linter) hole(at diag.Span, gap schema.PerABI, where string, s *schema.Struct) {
	spoken := l.spoken()
	var sizes []int
	for _, a := range spoken {
		if gap[a] > 0 && !slices.Contains(sizes, gap[a]) {
			sizes = append(sizes, gap[a])
		}
	}
	var holes, pads []string
	for _, n := range sizes {
		var on []string
		for _, a := range spoken {
			if gap[a] == n {
				on = append(on, a.String())
			}
		}
		if len(on) == len(spoken) {
			holes, pads = append(holes, fmt.Sprintf("%d unused bytes %s", n, where)), append(pads, fmt.Sprintf("`pad u8[%d]`", n))
			continue
		}
		names := strings.Join(on, " and ")
		holes = append(holes, fmt.Sprintf("%d unused bytes %s on %s", n, where, names))
		pads = append(pads, fmt.Sprintf("`pad u8[%d] on %s`", n, names))
	}
	if len(sizes) == 0 {
		return
	}
	l.diags.Add(diag.HiddenHole, at, "`%s` has %s", s.Name, strings.Join(holes, " and ")).
		Because("the alignment of C puts them there, and a reader doesn't see them").
		Try("write %s, or reorder the fields", strings.Join(pads, " and "))
}

// spoken lists the ABIs that the protocol has a layout for.
func (l *linter) spoken() []schema.ABI {
	if l.p.Device.Independent {
		return schema.ABIs[:]
	}
	var list []schema.ABI
	for _, n := range l.p.Device.Names {
		list = append(list, n.ABI)
	}
	slices.Sort(list)
	return list
}
