package gen

import (
	"fmt"

	"github.com/xenidc/idc/idl/schema"
)

// mostSegments is what a request of a protocol whose back end says how many it takes
// carries at most here; Linux's back end says 256, too
// (drivers/block/xen-blkback/common.h, MAX_INDIRECT_SEGMENTS).
const mostSegments = 256

// mostOrder is the largest ring that the runtime uses, as Linux does
// (XENBUS_MAX_RING_GRANT_ORDER, include/xen/xenbus.h).
const mostOrder = 4

var goarch = [schema.NumABI]string{schema.X86_64: "amd64", schema.X86_32: "386", schema.ARM: "arm64"}

// protocol describes the protocol to the runtime.
func (g *generator) protocol() {
	if len(g.abis) > 1 {
		g.out.line("// The layouts of the ring, numbered as in protocol.ABIs.")
		g.out.line("const (")
		for i, a := range g.abis {
			iota := ""
			if i == 0 {
				iota = " = iota"
			}
			g.out.line("%s%s", g.abiConst(a), iota)
		}
		g.out.line(")")
		g.out.line("")
	}
	r := g.p.Rings[0]
	g.out.line("var protocol = idc.Protocol{")
	g.out.line("Name: %q,", g.p.Name)
	g.out.line("Device: %q,", g.p.Device.Front)
	g.out.line("ABIs: []idc.ABI{")
	for _, a := range g.abis {
		g.out.line("{%sWire: %s},", g.abiNames(a), g.wire(r, a.ABI))
	}
	g.out.line("},")
	for _, a := range g.abis {
		if len(g.abis) > 1 && a.ABI == g.p.Device.Assumed {
			g.out.line("DefaultABI: %s,", g.abiConst(a))
		}
	}
	if g.p.Version > 0 {
		g.out.line("Version: %d,", g.p.Version)
	}
	g.ringSpec(r)
	if r.Persistent != nil {
		g.out.line("Persistent: %q,", r.Persistent.Name)
	}
	if g.maxSegments() > 0 {
		g.out.line("MaxSegments: %d,", g.maxSegments())
		g.out.line("Direct: %d,", g.direct())
		if g.paged() {
			g.out.line("SegmentSize: %d,", g.segment().Size[g.abis[0].ABI])
		}
		g.out.line("Alignment: %d,", g.grain())
	}
	g.out.line("}")
	g.out.line("")
}

func (g *generator) abiNames(a schema.ABIName) string {
	if a.Name == "" {
		return ""
	}
	return fmt.Sprintf("Name: %q, Arch: %q, ", a.Name, goarch[a.ABI])
}

func (g *generator) wire(r *schema.Ring, a schema.ABI) string {
	request, response := 0, 0
	for _, s := range r.Requests {
		request = max(request, s.Struct.Size[a])
	}
	for _, s := range r.Responses {
		response = max(response, s.Struct.Size[a])
	}
	id := r.Responses[0].ID
	return fmt.Sprintf("idc.Wire{Stride: %d, Request: %d, Response: %d, ResponseID: idc.Field{Offset: %d, Size: %d}}",
		r.Stride[a], request, response, id.Offset(a), id.Leaf().Size[a])
}

func (g *generator) ringSpec(r *schema.Ring) {
	g.out.line("Ring: idc.RingSpec{")
	say := func(field string, k *schema.Key) {
		if k != nil {
			g.out.line("%s: %q,", field, k.Name)
		}
	}
	say("Ref", r.RefKey)
	say("Order", r.Order)
	say("MaxOrder", r.MaxOrder)
	if r.Order != nil {
		g.out.line("Orders: %d,", mostOrder)
	}
	say("Port", r.Channel)
	say("Queues", r.Queues)
	say("MaxQueues", r.MaxQueues)
	say("SlotSize", r.SlotKey)
	g.out.line("},")
}

// maxSegments is the most segments of a request, over all forms.
func (g *generator) maxSegments() (n int) {
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			n = max(n, formSegments(f))
		}
	}
	return n
}

// formSegments is how many segments a form carries here.
func formSegments(f *schema.Form) (n int) {
	for _, s := range f.Segments {
		n = max(n, s.Max)
	}
	if f.Limit != nil {
		n = min(n, mostSegments)
	}
	return n
}

// direct is how many segments a slot has room for.
func (g *generator) direct() (n int) {
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			for _, s := range f.Segments {
				if s.Pages == 0 {
					n = max(n, s.Max)
				}
			}
		}
	}
	return n
}

// paged reports whether a form has pages of segments.
func (g *generator) paged() bool {
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			for _, s := range f.Segments {
				if s.Pages > 0 {
					return true
				}
			}
		}
	}
	return false
}

// segment is the struct that describes a piece of a page, or nil.
func (g *generator) segment() *schema.Struct {
	for _, s := range g.p.Structs {
		if s.Segment != nil {
			return s
		}
	}
	return nil
}

// grain is the number of bytes that pieces of pages are multiples of.
func (g *generator) grain() int {
	if s := g.segment(); s != nil && s.Segment.Unit != nil {
		return max(1, int(s.Segment.Unit.Bytes))
	}
	return 1
}
