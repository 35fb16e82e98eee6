package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// What follows is part of the language because protocols that exist have it, and stubs don't do it. A protocol that would get
// stubs is refused because of it: nobody shall believe that they do. See schema.Unkept.

func (r *resolver) unkept(at diag.Span, what, why, fix string) {
	r.p.Unkept = append(r.p.Unkept, schema.Unkept{Pos: at, What: what, Why: why, Fix: fix})
}

func (r *resolver) unkeptClause(item *syntax.Clause) {
	if item.Quota != nil {
		r.unkept(syntax.At(item.Pos, len("quota")), "`quota` limits nothing yet",
			"the stubs have as many transactions outstanding as the ring holds", "remove it, and count in the driver")
	}
}

func (r *resolver) unkeptDevice(d *syntax.Device) {
	for _, b := range d.Backs {
		if b.Value() != d.Front.Value() {
			r.unkept(b.Span(), "the stubs don't look for a back in `"+b.Value()+"`",
				"they have one device type for both sides", "remove `back`")
			return
		}
	}
}

// unkeptRing looks at a ring whose keys are resolved.
func (r *resolver) unkeptRing(ring *schema.Ring, item *syntax.RingItem) {
	if p := item.Pages; p != nil && p.Refs != nil && p.Refs.Value() != p.Ref.Value()+"%u" {
		r.unkept(p.Refs.Span(), "the pages of ring `"+ring.Name+"` can't be called `"+p.Refs.Value()+"`",
			"the stubs number the name of the one-page ring's key", "write `\""+p.Ref.Value()+"%u\"`")
	}
	if q := item.Queues; q != nil && q.Under.Value() != "queue-%u" {
		r.unkept(q.Under.Span(), "the queues of ring `"+ring.Name+"` can't be under `"+q.Under.Value()+"`",
			"the stubs' queues are under `queue-0`, `queue-1` and so on", "write `\"queue-%u\"`")
	}
}

func (r *resolver) unkeptField(f *schema.Field, item *syntax.Field) {
	if item.Names {
		r.unkept(f.Pos, "`"+f.Name+"` doesn't find the request that it names",
			"the stubs give ids to requests and don't tell which", "remove `names request`")
	}
}

// unkeptKeys looks at all keys, when the rings have taken theirs.
func (r *resolver) unkeptKeys() {
	own := map[*schema.Key]bool{}
	rows := map[*schema.Key]bool{}
	for _, ring := range r.p.Rings {
		for _, k := range []*schema.Key{ring.RefKey, ring.RefsKey, ring.Order, ring.MaxOrder, ring.Queues, ring.MaxQueues,
			ring.Channel, ring.Persistent, ring.SlotKey} {
			own[k] = true
		}
		if ring.Persistent != nil {
			own[r.keyIn(schema.Back, ring.Persistent.Name)] = true
		}
		rows[ring.RefsKey] = true
	}
	for _, k := range r.p.Keys {
		if k.From == schema.Toolstack || k.Deprecated || k.Made {
			continue // stubs neither read nor write these, and don't say that they do
		}
		r.unkeptKey(k, own[k], rows[k])
	}
	for _, ring := range r.p.Rings {
		r.unkeptNumber(ring.Order, 0)
		r.unkeptNumber(ring.MaxOrder, 0)
		r.unkeptNumber(ring.Queues, 1)
		r.unkeptNumber(ring.MaxQueues, 1)
		if ring.Persistent != nil {
			r.unkeptNumber(ring.Persistent, 0)
			r.unkeptNumber(r.keyIn(schema.Back, ring.Persistent.Name), 0)
		}
	}
}

// unkeptNumber looks at a key by which the runtime agrees on a ring, and that has a certain value where it is absent.
func (r *resolver) unkeptNumber(k *schema.Key, absent int64) {
	if k == nil {
		return
	}
	unkept := func(what, why, fix string) { r.unkept(k.Pos, "`"+k.Name+"` "+what, why, fix) }
	d := k.Default
	switch {
	case d == nil || d.Key != nil || d.Number != schema.Num(absent):
		unkept(fmt.Sprintf("counts as %d where it is absent", absent), "the stubs don't write it where that is meant", fmt.Sprintf("write `default %d`", absent))
	case k.Min != nil || k.Max != nil:
		unkept("isn't held within bounds", "the stubs know how many pages and queues they can use", "remove the bound")
	case k == r.lateKey(k):
		unkept("isn't there by "+string(k.By)+" only", "the ring is made before, with what it says", "write `by init_wait`")
	}
}

// lateKey returns k if a back publishes it when the front has made the ring already.
func (r *resolver) lateKey(k *schema.Key) *schema.Key {
	for _, ring := range r.p.Rings {
		if (k == ring.MaxOrder || k == ring.MaxQueues) && k.By != schema.InitWait {
			return k
		}
	}
	return nil
}

func (r *resolver) unkeptKey(k *schema.Key, own, row bool) {
	unkept := func(what, why, fix string) { r.unkept(k.Pos, "`"+k.Name+"` "+what, why, fix) }
	early := k.By == schema.Initialising || k.By == schema.InitWait && k.In == schema.Front
	switch {
	case k.In == schema.Front && k.Name == "protocol" && k.Form != schema.Text:
		unkept("is the ABI's name, and no number", "the stubs publish one of the strings of `abi`", "write `string optional`")
	case strings.Contains(k.Name, "%u") && !row:
		unkept("stands for a row of keys, which stubs don't write", "only the pages of a ring are numbered", "write the keys one by one")
	case k.Form == schema.HexPair:
		unkept("is a pair of numbers, which stubs don't write", "only a toolstack writes such keys", "split it into two keys")
	case k.PerQueue && !own:
		unkept("isn't written for each queue", "the stubs write only what publishes the queue there", "remove `per queue`")
	case early:
		unkept("isn't there by "+string(k.By), "the stubs publish with the state "+string(firstState(k.In)),
			"write `by "+string(firstState(k.In))+"`")
	case k.MaxKey != nil && !r.ringBound(k):
		unkept("isn't held against `"+k.MaxKey.Name+"`", "the stubs compare only the keys of a ring's pages and queues",
			"compare them in the driver, and remove the bound")
	case k.Rule != schema.Plain && !own:
		unkept("isn't negotiated", "the stubs publish one side's value and read the other's", "compare them in the driver, and remove `"+string(k.Rule)+"`")
	case k.Default != nil && k.Default.Key != nil && own != r.isRings(k.Default.Key):
		unkept("can't be as `"+k.Default.Key.Name+"`", "one of them belongs to the ring, and the other to the driver", "write a number")
	}
}

func firstState(s schema.Side) schema.State {
	if s == schema.Back {
		return schema.InitWait
	}
	return schema.Initialised
}

// ringBound tells whether a key's bound is one that the runtime holds.
func (r *resolver) ringBound(k *schema.Key) bool {
	return slices.ContainsFunc(r.p.Rings, func(ring *schema.Ring) bool {
		return k == ring.Order && k.MaxKey == ring.MaxOrder || k == ring.Queues && k.MaxKey == ring.MaxQueues
	})
}

func (r *resolver) isRings(k *schema.Key) bool {
	return slices.ContainsFunc(r.p.Rings, func(ring *schema.Ring) bool {
		return slices.Contains([]*schema.Key{ring.Order, ring.MaxOrder, ring.Queues, ring.MaxQueues, ring.Persistent, ring.SlotKey}, k)
	})
}
