package gen

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

// candidate is a form that a request may be in, and the function that serves it.
type candidate struct {
	form  *schema.Form
	serve string
}

// match makes the function that tells by its tags which form a request is in.
func (g *generator) match() {
	var all []candidate
	for _, t := range g.p.Transactions {
		for i, f := range t.Forms {
			all = append(all, candidate{f, g.serverName(t, i)})
		}
	}
	g.out.line("// handle serves one request.")
	g.out.line("func (s *server) handle(r *idc.Request) {")
	g.out.line("b := r.Slot()")
	g.choose(all, 0)
	g.out.line("}")
	g.out.line("")
	g.unknown()
}

// choose tells candidates apart by their tag number depth.
func (g *generator) choose(list []candidate, depth int) {
	if len(list[0].form.Match) <= depth {
		g.out.line("s.%s(r)", list[0].serve)
		return
	}
	path := list[0].form.Match[depth].Path
	g.out.line("switch %s {", g.tag(path))
	for len(list) > 0 {
		v := g.constant(path.Leaf().Type, list[0].form.Match[depth].Source)
		var same, rest []candidate
		for _, c := range list {
			if len(c.form.Match) > depth && c.form.Match[depth].Source.Const == list[0].form.Match[depth].Source.Const {
				same = append(same, c)
			} else {
				rest = append(rest, c)
			}
		}
		g.out.line("case %s:", v)
		g.choose(same, depth+1)
		list = rest
	}
	g.out.line("default:")
	g.out.line("unknown(r)")
	g.out.line("}")
}

// tag reads a tag, which is in the same place on all ABIs: the first four bytes of
// every known protocol.
func (g *generator) tag(p *schema.Path) string {
	return g.scalar(p.Leaf().Type, at{off: p.Offset(g.abis[0].ABI)})
}

// unknown answers a request that the protocol doesn't have, or not yet.
func (g *generator) unknown() {
	slot, rsp := g.p.Rings[0].Requests[0], g.p.Rings[0].Responses[0].Struct
	g.out.line("// unknown answers a request that this version of the protocol doesn't have.")
	g.out.line("func unknown(r *idc.Request) {")
	if g.varies(slot.Struct) || g.varies(rsp) || !g.same(rsp.Size) {
		g.out.line("abi := r.ABI()")
	}
	g.out.line("var m %s", g.structName(slot.Struct))
	g.out.line("m.get(r.Slot()%s)", g.passABI(slot.Struct))
	var values []string
	for _, b := range slot.Echo {
		if v := g.replyValue(slot.Struct, b, g.role(schema.Unsupported)); v != "" {
			values = append(values, fmt.Sprintf("%s: %s", g.field(rsp, b.Path.Leaf()), v))
		}
	}
	g.out.line("rsp := %s{%s}", g.structName(rsp), strings.Join(values, ", "))
	g.out.line("rsp.put(r.Respond(%s)%s)", g.sizeExpr(rsp), g.passABI(rsp))
	g.out.line("}")
	g.out.line("")
}
