package resolve

import (
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// agreedSlots reads `slot by "KEY"`.
func (r *resolver) agreedSlots(parts *ringParts, s *syntax.Str) {
	if !goodName(s.Value()) {
		r.diags.Add(diag.KeyName, s.Span(), "the store can't hold a key of this name").
			Because("names are made of letters, digits and `-_@`").Try("write for instance `slot by \"slot-size\"`")
		return
	}
	parts.at = s.Span()
	parts.ring.SlotKey = r.slotKeys(s.Value())
}

// persistent finds the flag by which both sides agree to keep pages mapped.
func (r *resolver) persistent(ring *schema.Ring, s *syntax.Str) {
	ring.Persistent = r.ringKey(s, schema.Front, schema.Bool)
	if back := r.ringKey(s, schema.Back, schema.Bool); back == nil || ring.Persistent == nil {
		ring.Persistent = nil
	}
}

func (r *resolver) ringPages(ring *schema.Ring, d *syntax.RingPages) {
	ring.RefKey = r.ringKey(d.Ref, schema.Front, schema.Gref)
	if d.Refs != nil {
		ring.RefsKey = r.rowKey(d.Refs, schema.Front, schema.Gref)
		ring.Order = r.ringKey(d.Order, schema.Front, schema.Int)
		r.numbered(d.Refs)
	}
	if d.Max != nil {
		ring.MaxOrder = r.ringKey(d.Max, schema.Back, schema.Int)
	}
}

func (r *resolver) ringQueues(ring *schema.Ring, d *syntax.RingQueues) {
	ring.Queues = r.ringKey(d.Number, schema.Front, schema.Int)
	ring.MaxQueues = r.ringKey(d.Max, schema.Back, schema.Int)
	ring.QueuePrefix = d.Under.Value()
	if plain := strings.Replace(ring.QueuePrefix, "%u", "0", 1); !goodName(plain) {
		r.diags.Add(diag.KeyName, d.Under.Span(), "the store can't hold a directory of this name").
			Because("names are made of letters, digits and `-_@`, and one `%%u` stands for the queue's number").Try("write `\"queue-%%u\"`")
		return
	}
	r.numbered(d.Under)
}

// queueKeys checks that the keys of a ring with queues are per queue, those of others aren't, and that no other ring's
// pages are published by them.
func (r *resolver) queueKeys(parts *ringParts) {
	ring := parts.ring
	for _, item := range parts.decl.Items {
		var keys []*schema.Key
		switch {
		case item.Pages != nil:
			keys = []*schema.Key{ring.RefKey, ring.RefsKey}
		case item.Channel != nil:
			keys = []*schema.Key{ring.Channel}
		}
		for _, k := range keys {
			if k != nil && k.PerQueue != (ring.Queues != nil) {
				r.perQueue(syntax.At(item.Pos, len(ringLine(item))), k)
			}
		}
	}
	for _, k := range []*schema.Key{ring.Order, ring.MaxOrder, ring.Queues, ring.MaxQueues} {
		if k != nil && k.PerQueue {
			r.diags.Add(diag.KeyPlace, k.Pos, "`%s` can't be per queue", k.Name).Note(ring.Pos, "this ring is published by it").
				Because("it is the same for all queues of a ring").Try("remove `per queue`")
		}
	}
	if ring.RefKey == nil {
		return
	}
	if other := r.refs[ring.RefKey]; other != nil {
		r.diags.Add(diag.DuplicateName, ring.Pos, "`%s` publishes the pages of two rings", ring.RefKey.Name).
			Note(other.Pos, "this is the other").Because("a page belongs to one ring").Try("give each a key of its own")
		return
	}
	r.refs[ring.RefKey] = ring
}

func (r *resolver) perQueue(at diag.Span, k *schema.Key) {
	d := r.diags.Add(diag.KeyPlace, at, "`%s` and this ring disagree about queues", k.Name).Note(k.Pos, "declared here")
	if k.PerQueue {
		d.Because("the key is per queue, and the ring has none").Try("add `queues` to the ring, or remove `per queue`")
	} else {
		d.Because("the ring has queues, and the key is not one for each").Try("add `per queue` to the key")
	}
}

func (r *resolver) numbered(s *syntax.Str) {
	if !strings.Contains(s.Value(), "%u") {
		r.diags.Add(diag.KeyName, s.Span(), "there is no number in this name").
			Because("there is one of it for each page or queue").Try("put `%%u` where the number goes")
	}
}

// ringKey finds a key that a ring is published by.
func (r *resolver) ringKey(s *syntax.Str, in schema.Side, kind schema.Kind) *schema.Key {
	k := r.rowKey(s, in, kind)
	if k != nil && strings.Contains(k.Name, "%u") {
		r.diags.Add(diag.KeyName, s.Span(), "`%s` is a row of keys", k.Name).Note(k.Pos, "declared here").
			Because("one key is needed here").Try("name a key without `%%u`")
		return nil
	}
	return k
}

// rowKey is ringKey for a key that may have a number in its name.
func (r *resolver) rowKey(s *syntax.Str, in schema.Side, kind schema.Kind) *schema.Key {
	k := r.keyIn(in, s.Value())
	if k == nil {
		if other := r.keyIn(otherSide(in), s.Value()); other != nil {
			r.diags.Add(diag.KeyPlace, s.Span(), "`%s` is in the directory of the %s", other.Name, other.In).
				Note(other.Pos, "declared here").Because("the %s publishes this", in).Try("move it to `keys from %s`", in)
			return nil
		}
		r.unknownAt(s.Span(), s.Value(), "key of the "+string(in), r.keyNames(in))
		return nil
	}
	if k.Type.Kind != kind {
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` is a %s", k.Name, keyTypeName(k)).Note(k.Pos, "declared here").
			Because("a key of type %s is needed here", kindName(kind)).Try("change its type to %s", kindName(kind))
		return nil
	}
	if k.Form == schema.Hex || k.Form == schema.HexPair {
		r.diags.Add(diag.KeyValue, s.Span(), "`%s` is spelled as %s", k.Name, k.Form).Note(k.Pos, "declared here").
			Because("rings are published by decimal numbers").Try("remove `hex` from the key")
		return nil
	}
	if k.From != in {
		r.diags.Add(diag.KeyPlace, s.Span(), "`%s` is written by the %s", k.Name, k.From).Note(k.Pos, "declared here").
			Because("the %s publishes this", in).Try("move it to `keys from %s`", in)
		return nil
	}
	return k
}

func keyTypeName(k *schema.Key) string {
	if k.Form == schema.Text {
		return "string"
	}
	return k.Type.String()
}

func kindName(k schema.Kind) string {
	if k == schema.Int {
		return "u32"
	}
	return k.String()
}
