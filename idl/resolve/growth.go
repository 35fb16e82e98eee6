package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// since reads a `since N`. Nothing frozen may have one.
func (r *resolver) since(v *syntax.Value, frozen bool, owner string) int {
	if v == nil {
		return 0
	}
	n := r.number(v, nil)
	switch {
	case n.bad:
		return 0
	case frozen || r.p.Frozen:
		if !frozen {
			owner = r.p.Name
		}
		r.diags.Add(diag.FrozenGrows, v.Span(), "`%s` is frozen and can't grow", owner).
			Because("peers that are older than the addition would misread it").Try("remove `since`, or `frozen`")
	case !n.In(schema.Num(1), schema.Num(int64(r.p.Version))):
		r.diags.Add(diag.BadSince, v.Span(), "there is no version %d", n).
			Because("%s", versionText(r.p.Version)).Try("write `protocol %s version %d`, or a version up to that", r.p.Name, max(n.Int64(), 1))
	}
	return int(max(0, min(n.Int64(), 1<<15)))
}

func versionText(v int) string {
	if v == 0 {
		return "the protocol has no version"
	}
	return "the protocol's version is lower, or this is no version at all"
}

// growth checks what only the whole protocol can tell.
func (r *resolver) growth() {
	for _, d := range r.file.Decls {
		switch {
		case d.Region != nil:
			r.mods(d, "region")
			r.notGenerated(d.Region.Name, "region")
		case d.Reserved != nil:
			r.mods(d, "reserved")
			if r.drawn != nil {
				r.diags.Add(diag.MixedForms, d.Reserved.Ranges[0].First.Span(), "these numbers are reserved from nothing").
					Note(*r.drawn, "the file draws its rings itself").
					Because("only where the compiler numbers the operations can it leave some out").
					Try("reserve them in the enum of operations")
			}
		}
	}
}

func (r *resolver) notGenerated(n *syntax.Name, kind string) {
	r.diags.Add(diag.NotGenerated, n.Span(), "a %s can be described, but nothing is generated from it yet", kind).
		Because("the language keeps its place").Try("remove it for now")
}
