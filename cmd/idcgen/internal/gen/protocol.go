package gen

import (
	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// mostOrder is the largest ring that the runtime uses, as Linux does (XENBUS_MAX_RING_GRANT_ORDER, include/xen/xenbus.h).
const mostOrder = 4

var goarch = [schema.NumABI]string{schema.X86_64: "amd64", schema.X86_32: "386", schema.ARM: "arm64"}

// literal is a composite literal with a line for each entry.
type literal struct{ entries []jen.Code }

func (l *literal) set(name string, v code) { l.entries = append(l.entries, id(name).Op(":").Add(v)) }

func (l *literal) text(name, v string) {
	if v != "" {
		l.set(name, jen.Lit(v))
	}
}

func (l *literal) number(name string, n int) {
	if n != 0 {
		l.set(name, num(n))
	}
}

func (l *literal) key(name string, k *schema.Key) {
	if k != nil {
		l.text(name, k.Name)
	}
}

func (l *literal) code() code {
	return jen.Custom(jen.Options{Open: "{", Close: "}", Separator: ",", Multi: true}, l.entries...)
}

// protocol describes the protocol to the runtime.
func (g *generator) protocol() {
	r, dev := g.p.Rings[0], &g.p.Device
	l := new(literal)
	l.text("Name", g.p.Name)
	l.text("Device", dev.Front)
	abis := new(literal)
	for i, a := range g.abis {
		entry := []jen.Code{}
		if len(dev.Names) > 0 && !dev.Independent {
			entry = append(entry, id("Name").Op(":").Lit(dev.Names[i].Name), id("Arch").Op(":").Lit(goarch[a]))
		}
		entry = append(entry, id("Wire").Op(":").Add(g.wire(r, a)))
		abis.entries = append(abis.entries, jen.Values(entry...))
	}
	l.set("ABIs", jen.Index().Add(idc("ABI")).Add(abis.code()))
	if len(g.abis) > 1 {
		l.set("DefaultABI", id(g.abiConst(dev.Assumed)))
	}
	l.number("Version", g.p.Version)
	l.set("Ring", g.ringSpec(r))
	l.key("Persistent", r.Persistent)
	if n := g.maxSegments(); n > 0 {
		l.number("MaxSegments", n)
		l.number("Direct", g.direct())
		l.number("SegmentSize", g.segmentSize())
		l.number("Alignment", g.grain())
	}
	g.file.Var().Id("protocol").Op("=").Add(idc("Protocol")).Add(l.code())
	g.file.Line()
}

func (g *generator) wire(r *schema.Ring, a schema.ABI) code {
	request, response := 0, 0
	for _, s := range r.Requests {
		request = max(request, s.Struct.Size[a])
	}
	for _, s := range r.Responses {
		response = max(response, s.Struct.Size[a])
	}
	rsp := at(r.Responses[0].ID, a)
	return idc("Wire").Values(
		id("Stride").Op(":").Add(num(r.Stride[a])), id("Request").Op(":").Add(num(request)), id("Response").Op(":").Add(num(response)),
		id("ResponseID").Op(":").Add(idc("Field")).Values(id("Offset").Op(":").Add(num(rsp.off)), id("Size").Op(":").Add(num(rsp.leaf.Size))))
}

func (g *generator) ringSpec(r *schema.Ring) code {
	l := new(literal)
	l.key("Ref", r.RefKey)
	l.key("Order", r.Order)
	l.key("MaxOrder", r.MaxOrder)
	if r.Order != nil {
		l.number("Orders", mostOrder)
	}
	l.key("Port", r.Channel)
	l.key("Queues", r.Queues)
	l.key("MaxQueues", r.MaxQueues)
	l.key("SlotSize", r.SlotKey)
	return idc("RingSpec").Add(l.code())
}

// slotSizes declares the sizes of slots that differ by ABI.
func (g *generator) slotSizes() {
	for _, r := range g.p.Rings {
		for _, list := range [][]*schema.Slot{r.Requests, r.Responses} {
			for _, slot := range list {
				s := slot.Struct
				if g.sizes[s] != "" || g.p.Device.Same(s.Size) {
					continue
				}
				g.sizes[s] = g.internal.unique("sizeOf" + golang.Exported(s.Name))
				doc(g.file, g.sizes[s]+" is in bytes.")
				g.sizeTable(g.sizes[s], s)
				g.file.Line()
			}
		}
	}
}
