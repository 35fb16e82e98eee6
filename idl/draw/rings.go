package draw

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

func (w *writer) rings() {
	for _, r := range w.p.Rings {
		w.line("")
		w.doc(r.Doc)
		w.line("ring %s {", r.Name)
		w.line("request %s", slots(r.Requests))
		w.line("response %s", slots(r.Responses))
		if tags := tagNames(r); tags != nil {
			w.line("tag %s", strings.Join(tags, " and "))
		}
		w.line("id %s", r.Requests[0].ID)
		w.line("%s", pages(r))
		if r.Queues != nil {
			w.line("queues %q up to %q under %q", r.Queues.Name, r.MaxQueues.Name, r.QueuePrefix)
		}
		w.line("channel %s", quote(r.Channel.Name))
		if r.Persistent != nil {
			w.line("persistent %s", quote(r.Persistent.Name))
		}
		w.slot(r)
		w.line("}")
	}
}

// slot writes the size of slots that are larger than they need be, or agreed on.
func (w *writer) slot(r *schema.Ring) {
	if r.SlotKey != nil {
		w.line("slot by %s", quote(r.SlotKey.Name))
		return
	}
	for _, a := range schema.ABIs {
		size, align := 0, 1
		for _, list := range [][]*schema.Slot{r.Requests, r.Responses} {
			for _, s := range list {
				size, align = max(size, s.Struct.Size[a]), max(align, s.Struct.Align[a])
			}
		}
		if (size+align-1)/align*align != r.Stride[a] {
			w.line("slot %d", r.Stride[a])
			return
		}
	}
}

func slots(list []*schema.Slot) string {
	var names []string
	for _, s := range list {
		names = append(names, s.Struct.Name)
	}
	return strings.Join(names, " or ")
}

// tagNames lists the tags of all slots, so that those of each stay in their order.
func tagNames(r *schema.Ring) (names []string) {
	seen := map[string]bool{}
	for _, list := range [][]*schema.Slot{r.Requests, r.Responses} {
		for _, s := range list {
			for _, t := range s.Tags {
				if name := t.String(); !seen[name] {
					seen[name] = true
					names = append(names, name)
				}
			}
		}
	}
	return names
}

func pages(r *schema.Ring) string {
	out := "pages " + quote(r.RefKey.Name)
	if r.RefsKey != nil {
		out += fmt.Sprintf(" or %q order %q", r.RefsKey.Name, r.Order.Name)
	}
	if r.MaxOrder != nil {
		out += " up to " + quote(r.MaxOrder.Name)
	}
	return out
}

// keys writes the store's entries, in their order: a block lasts as long as its writer, directory and state do.
func (w *writer) keys() {
	var last *schema.Key
	for _, k := range w.p.Keys {
		if w.added(k) {
			continue
		}
		if last == nil || last.From != k.From || last.In != k.In || last.By != k.By {
			if last != nil {
				w.line("}")
			}
			where := ""
			if k.From == schema.Toolstack {
				where = "in " + string(k.In)
			}
			w.line("")
			w.line("%s", words("keys from", string(k.From), where, "by", string(k.By), "{"))
			last = k
		}
		w.key(k)
	}
	if last != nil {
		w.line("}")
	}
}

// added reports whether the compiler adds a key to what is drawn, too.
func (w *writer) added(k *schema.Key) bool {
	if !k.Made {
		return false
	}
	for _, r := range w.p.Rings {
		if r.SlotKey != nil && k.Name == r.SlotKey.Name {
			return true
		}
	}
	return w.p.Version > 0 && k.Name == "version"
}

func (w *writer) key(k *schema.Key) {
	w.doc(k.Doc)
	w.line("%s", words(quote(k.Name), keyType(k), w.keyDefault(k), when(k.Optional, "optional"), keyBounds(k), each(k), string(k.Rule),
		when(k.PerQueue, "per queue"), since(k.Since), when(k.Deprecated, "deprecated")))
}

func keyType(k *schema.Key) string {
	if k.OneOf != nil {
		var list []string
		for _, s := range k.OneOf {
			list = append(list, quote(s))
		}
		return "one of " + strings.Join(list, " or ")
	}
	if k.Form == schema.Text {
		return "string"
	}
	return words(when(k.Form == schema.HexPair, "pair of"), when(k.Form == schema.Hex || k.Form == schema.HexPair, "hex"), typeName(k.Type), in(k.Type.Unit))
}

func (w *writer) keyDefault(k *schema.Key) string {
	switch d := k.Default; {
	case d == nil:
		return ""
	case d.Key != nil:
		return "default as " + quote(d.Key.Name)
	case k.Form == schema.Text:
		return "default " + quote(d.Text)
	default:
		return "default " + d.Number.String()
	}
}

func keyBounds(k *schema.Key) string {
	least, _ := schema.Range(max(k.Type.Size, 1), k.Type.Signed)
	if k.Min != nil {
		least = *k.Min
	}
	most := ""
	switch {
	case k.MaxKey != nil:
		most = quote(k.MaxKey.Name)
	case k.Max != nil:
		most = k.Max.String()
	}
	switch {
	case most == "":
		return ""
	case k.Min == nil:
		return "up to " + most
	}
	return least.String() + " to " + most
}

func each(k *schema.Key) string {
	switch {
	case k.Last != nil:
		return fmt.Sprintf("each %d to %q", k.First, k.Last.Name)
	case k.LastIndex > 0:
		return fmt.Sprintf("each %d to %d", k.First, k.LastIndex)
	}
	return ""
}
