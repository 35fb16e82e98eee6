package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// madeKey adds a key that the file doesn't declare, and that the runtime publishes.
func (r *resolver) madeKey(in schema.Side, name, doc string, t schema.Type) *schema.Key {
	if prev := r.keyIn(in, name); prev != nil {
		d := r.diags.Add(diag.DuplicateName, prev.Pos, "`%s` is a key that the compiler adds", name)
		if r.drawn == nil {
			d.Because("the file draws no ring of its own, and the compiler's is published by keys like this").Try("remove this key")
		} else {
			d.Because("the file asks for it: %s", doc).Try("remove this key")
		}
	}
	k := &schema.Key{Name: name, Doc: doc, Pos: r.p.Pos, In: in, From: in, Form: schema.Decimal, Type: &t, Made: true,
		By: schema.Initialised}
	if in == schema.Back {
		k.By = schema.InitWait
	}
	r.addKey(k)
	return k
}

// versionKeys adds those by which both sides agree on a version, if the protocol has one.
func (r *resolver) versionKeys() {
	if r.p.Version == 0 {
		return
	}
	doc := "The protocol's version; the lesser of both sides' counts."
	front := r.madeKey(schema.Front, "version", doc, schema.Type{Size: 4})
	back := r.madeKey(schema.Back, "version", doc, schema.Type{Size: 4})
	for _, k := range []*schema.Key{front, back} {
		k.Rule, k.Default = schema.Minimum, &schema.KeyDefault{Number: schema.Num(1)}
	}
	front.Peer, back.Peer = back, front
}

// slotKeys adds those by which both sides agree on the size of slots, and returns the front's.
func (r *resolver) slotKeys(name string) *schema.Key {
	doc := "How large its slots are, in bytes; those of the ring are as large as the larger of both sides'."
	front := r.madeKey(schema.Front, name, doc, schema.Type{Size: 4})
	back := r.madeKey(schema.Back, name, doc, schema.Type{Size: 4})
	front.Optional, back.Optional = true, true
	return front
}
