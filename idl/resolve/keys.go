package resolve

import (
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// keys resolves the store's entries: first each alone, then what they say about each other.
func (r *resolver) keys() {
	type pending struct {
		key  *schema.Key
		item *syntax.Key
	}
	var later []pending
	for _, d := range r.file.Decls {
		if d.Keys == nil {
			continue
		}
		r.mods(d, "keys")
		block, ok := r.keyBlock(d.Keys)
		if !ok {
			continue
		}
		for _, item := range d.Keys.Items {
			if k := r.key(block, item); k != nil {
				r.addKey(k)
				later = append(later, pending{k, item})
			}
		}
	}
	for _, l := range later {
		for _, a := range l.item.Attrs {
			r.keyRelation(l.key, a)
		}
	}
	cycles := map[*schema.Key]progress{}
	for _, l := range later {
		r.keyCycle(l.key, cycles)
		r.keyComplete(l.key)
	}
}

// keyPlace is where a key is.
type keyPlace struct {
	in   schema.Side
	name string
}

func (r *resolver) addKey(k *schema.Key) {
	r.p.Keys = append(r.p.Keys, k)
	r.keyIndex[keyPlace{k.In, k.Name}] = k
}

// keyIn finds a key in a side's directory, or nil.
func (r *resolver) keyIn(in schema.Side, name string) *schema.Key {
	return r.keyIndex[keyPlace{in, name}]
}

// keyBlock is what all keys of a block share.
func (r *resolver) keyBlock(d *syntax.Keys) (schema.Key, bool) {
	from, ok := r.side(d.From, schema.Front, schema.Back, schema.Toolstack)
	if !ok {
		return schema.Key{}, false
	}
	k := schema.Key{From: from, In: from, By: schema.Connected}
	switch {
	case d.In != nil:
		if k.In, ok = r.side(d.In, schema.Front, schema.Back); !ok {
			return k, false
		}
		if from != schema.Toolstack && k.In != from {
			r.diags.Add(diag.KeyPlace, d.In.Span(), "the %s can't write into the directory of the %s", from, k.In).
				Because("each side owns its directory, and only the toolstack writes both").Try("write `keys from %s`", from)
		}
	case from == schema.Toolstack:
		r.diags.Add(diag.KeyPlace, d.From.Span(), "nothing says in whose directory these keys are").
			Because("the toolstack writes into both").Try("write `keys from toolstack in back` or `in front`")
		return k, false
	}
	if d.By != nil {
		k.By = r.state(d.By)
	}
	return k, true
}

func (r *resolver) side(n *syntax.Name, allowed ...schema.Side) (schema.Side, bool) {
	var names []string
	for _, s := range allowed {
		if string(s) == n.Text {
			return s, true
		}
		names = append(names, string(s))
	}
	r.unknown(n, "side", oneOf(names...))
	return "", false
}

func (r *resolver) state(n *syntax.Name) schema.State {
	states := []schema.State{schema.Initialising, schema.InitWait, schema.Initialised, schema.Connected}
	var names []string
	for _, s := range states {
		if string(s) == n.Text {
			return s
		}
		names = append(names, string(s))
	}
	r.unknown(n, "state", oneOf(names...))
	return schema.Connected
}

func (r *resolver) key(block schema.Key, item *syntax.Key) *schema.Key {
	k := block
	k.Name, k.Doc, k.Pos = item.Name.Value(), syntax.DocText(item.Doc), item.Name.Span()
	if !goodKey(k.Name) {
		r.diags.Add(diag.KeyName, k.Pos, "the store can't hold a key of this name").
			Because("names are made of letters, digits and `-/_@`, without `/` at an end or twice; one `%%u` may stand for a number").
			Try("correct the name")
		return nil
	}
	if prev := r.keyIn(k.In, k.Name); prev != nil {
		r.diags.Add(diag.DuplicateName, k.Pos, "the %s's directory has `%s` already", k.In, k.Name).
			Note(prev.Pos, "declared here first").Because("an entry of the store has one meaning").Try("remove one of them")
		return nil
	}
	if k.From != schema.Toolstack && slices.Contains(lifeKeys, k.Name) {
		r.diags.Add(diag.DuplicateName, k.Pos, "`%s` is a key by which devices live", k.Name).
			Because("the runtime writes it in every directory: who is on the other side, and how far both are").Try("choose another name")
		return nil
	}
	r.keyType(&k, item.Type)
	seen := map[string]bool{}
	kept := item.Attrs[:0:0]
	for _, a := range item.Attrs {
		if kind := attrKind(a); seen[kind] {
			r.twice(syntax.At(a.Pos, 1), kind)
			continue
		} else {
			seen[kind] = true
		}
		kept = append(kept, a)
		r.keyAttr(&k, a)
	}
	item.Attrs = kept
	return &k
}

// twice complains about something that is said again.
func (r *resolver) twice(at diag.Span, what string) {
	r.diags.Add(diag.BadModifier, at, "%s is there twice", what).
		Because("only one of them could count").Try("remove one of them")
}

// lifeKeys are those that the runtime and toolstacks write for every device (io/xenbus.h, docs/misc/xenstore-paths.pandoc).
var lifeKeys = []string{"state", "backend", "backend-id", "frontend", "frontend-id", "online", "error"}

// goodName tells whether a name may be a directory of the store.
func goodName(name string) bool { return goodKey(name) && !strings.ContainsAny(name, "/%") }

// goodKey follows the store's rules for paths (docs/misc/xenstore.txt).
func goodKey(name string) bool {
	plain := strings.Replace(name, "%u", "0", 1)
	if plain == "" || strings.HasPrefix(plain, "/") || strings.HasSuffix(plain, "/") || strings.Contains(plain, "//") {
		return false
	}
	return len(plain) <= 256 && !strings.ContainsFunc(plain, func(c rune) bool {
		return (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("-/_@", c)
	})
}

func (r *resolver) keyType(k *schema.Key, d *syntax.KeyType) {
	k.Type, k.Form = &schema.Type{Kind: schema.String}, schema.Text
	if d.OneOf != nil {
		for _, s := range d.OneOf {
			if slices.Contains(k.OneOf, s.Value()) {
				r.diags.Add(diag.DuplicateValue, s.Span(), "`%s` is there already", s.Value()).
					Because("each value is listed once").Try("remove one of them")
			}
			k.OneOf = append(k.OneOf, s.Value())
		}
		return
	}
	t := r.fieldType(&syntax.Type{Pos: d.Pos, Name: d.Name, Unit: d.Unit, Bound: unbounded(d.Name)}, k.Pos)
	if t == nil {
		return
	}
	k.Type = t
	switch {
	case t.Kind == schema.String:
		t.Count, t.Max = nil, 0
	case t.Kind == schema.Bool:
		k.Form = schema.Flag
	case t.Scalar():
		k.Form = schema.Decimal
	default:
		r.diags.Add(diag.WrongKind, d.Name.Span(), "the store can't hold `%s`", d.Name.Text).
			Because("it holds text: a number, a flag or a string").Try("write `u32`, `bool` or `string`")
	}
	if d.Hex || d.Pair {
		r.hex(k, d)
	}
}

// unbounded gives strings the bound that fieldType asks for; in the store it doesn't matter.
func unbounded(n *syntax.Name) *syntax.Value {
	if n.Text == "string" {
		return &syntax.Value{Pos: n.Pos, Number: "2048"}
	}
	return nil
}

func (r *resolver) hex(k *schema.Key, d *syntax.KeyType) {
	if k.Form != schema.Decimal {
		r.diags.Add(diag.WrongKind, d.Name.Span(), "`%s` isn't spelled in hexadecimal", d.Name.Text).
			Because("only a number is").Try("remove `hex`")
		return
	}
	k.Form = schema.Hex
	if d.Pair {
		k.Form = schema.HexPair
	}
}
