package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// runtimeKey reports whether the runtime itself publishes a key: those of rings, queues, channels, the ABI and the version.
func (g *generator) runtimeKey(k *schema.Key) bool {
	for _, r := range g.p.Rings {
		for _, own := range []*schema.Key{r.RefKey, r.RefsKey, r.Order, r.MaxOrder, r.Queues, r.MaxQueues, r.Channel, r.SlotKey} {
			if own == k || r.Persistent != nil && k.Name == r.Persistent.Name {
				return true
			}
		}
	}
	return k.Made || k.PerQueue || k.In == schema.Front && k.Name == "protocol"
}

// keysOf returns what an end of ours publishes, less what the runtime does and what is obsolete: what its driver decides on.
func (g *generator) keysOf(side schema.Side) []*schema.Key { return g.decided[side] }

// decide finds the keys that drivers decide on.
func (g *generator) decide() {
	g.decided, g.published = map[schema.Side][]*schema.Key{}, map[*schema.Key]bool{}
	for _, k := range g.p.Keys {
		if k.In == k.From && !k.Deprecated && !g.runtimeKey(k) && !strings.Contains(k.Name, "%") && k.Form != schema.HexPair {
			g.decided[k.In] = append(g.decided[k.In], k)
			g.published[k] = true
		}
	}
}

// hasKeys reports whether a driver decides on anything that its back end publishes.
func (g *generator) hasKeys() bool { return len(g.keysOf(schema.Back)) > 0 }

// heard are the keys of the back end's directory that nobody publishes here, but that say what the front end may use.
func (g *generator) heard() (keys []*schema.Key) {
	seen := map[*schema.Key]bool{}
	see := func(k *schema.Key) {
		if k != nil && !seen[k] && (k.In != schema.Back || !g.published[k]) {
			seen[k] = true
			keys = append(keys, k)
		}
	}
	for _, t := range g.p.Transactions {
		see(t.Feature)
		for _, f := range t.Forms {
			see(f.Enable)
			see(f.Limit)
		}
	}
	return keys
}

// reads reports whether a front end keeps anything of what it finds in the back end's directory.
func (g *generator) reads() bool { return g.hasKeys() || len(g.heard()) > 0 }

// keyField is the field that holds a key's value. What nobody here publishes is for the stubs alone.
func (g *generator) keyField(k *schema.Key) string {
	if g.published[k] {
		return g.names.Of(k)
	}
	return "heard" + golang.Exported(k.Name)
}

func keysName(side schema.Side) string { return golang.Exported(string(side)) + "Keys" }

// keys makes the type of what a side publishes.
func (g *generator) keys(side schema.Side) {
	name, list := keysName(side), g.keysOf(side)
	var heard []*schema.Key
	if side == schema.Back {
		heard = g.heard()
	}
	if len(list) == 0 && len(heard) == 0 {
		return
	}
	doc(g.file, fmt.Sprintf("%s is what a %s end publishes. The runtime adds what it needs for rings.", name, side))
	g.file.Type().Id(name).StructFunc(func(out *jen.Group) {
		for _, k := range list {
			if text := g.keyDoc(k); text != "" {
				doc(out, text)
			}
			out.Id(g.keyField(k)).Add(g.goType(k.Type))
		}
		for _, k := range heard {
			out.Id(g.keyField(k)).Add(g.goType(k.Type))
		}
	})
	g.file.Line()
	if side == schema.Front {
		doc(g.file, "Option has a front end publish k.")
		g.file.Func().Params(id("k").Id(name)).Id("Option").Params().Add(idc("Option")).Block(
			jen.Return(idc("Publish").Call(id("k").Dot("publish"))))
		g.file.Line()
	}
	if len(list) > 0 {
		g.publish(side, name)
		g.complete(side, name)
	}
	g.readKeys(side, name)
}

func (g *generator) keyDoc(k *schema.Key) string {
	text := k.Doc
	switch d := k.Default; {
	case g.isLimit(k):
		text += fmt.Sprintf(" 0 stands for %d, which is also the most; %d or less for none, and isn't published.", g.maxSegments(), g.direct())
	case d != nil && d.Key != nil && g.replaced(k):
		text += fmt.Sprintf(" 0 stands for %s.", or(g.names.Of(d.Key), d.Key.Name))
	case g.replaced(k):
		text += fmt.Sprintf(" 0 stands for %s.", d.Number)
	case g.left(k):
		text += " 0 isn't published."
	}
	return strings.TrimSpace(text)
}

// isLimit reports whether a key bounds the segments of a form.
func (g *generator) isLimit(k *schema.Key) bool {
	for _, t := range g.p.Transactions {
		for _, f := range t.Forms {
			if f.Limit == k {
				return true
			}
		}
	}
	return false
}

// number reports whether a key is a number whose zero means that nobody has decided: not a flag, which is published as it is,
// nor an enum that knows the value 0.
func number(k *schema.Key) bool {
	switch {
	case k.Form != schema.Decimal && k.Form != schema.Hex:
		return false
	case k.Type.Kind == schema.EnumOf:
		return !slices.ContainsFunc(k.Type.Enum.Values, func(v *schema.EnumValue) bool { return v.Value.Sign() == 0 })
	}
	return true
}

// replaced reports whether the default is published where a driver leaves zero.
func (g *generator) replaced(k *schema.Key) bool {
	d := k.Default
	if d == nil || !number(k) || g.isLimit(k) {
		return false
	}
	return d.Number.Sign() != 0 || d.Key != nil && (g.published[d.Key] || g.constantOf(d.Key).Sign() != 0)
}

// constantOf is the value of a key that nobody publishes here.
func (g *generator) constantOf(k *schema.Key) schema.Number {
	for range len(g.p.Keys) {
		if k.Default == nil || k.Default.Key == nil {
			break
		}
		k = k.Default.Key
	}
	if k.Default == nil {
		return schema.Number{}
	}
	return k.Default.Number
}

// left reports whether a key isn't published where a driver leaves zero: it may be absent, and can't be zero.
func (g *generator) left(k *schema.Key) bool {
	return k.Optional && number(k) && (k.Min != nil && k.Min.Sign() > 0 || k.Max != nil && k.Max.Sign() < 0 || k.Type.Kind == schema.EnumOf)
}

// publish makes the method that writes the keys. A front end's are completed first; a back end's have been.
func (g *generator) publish(side schema.Side, name string) {
	g.file.Func().Params(id("k").Id(name)).Id("publish").Params(id("w").Op("*").Add(idc("KeyWriter"))).BlockFunc(func(out *jen.Group) {
		if side == schema.Front && g.completes(side) {
			out.Id("k").Dot("complete").Call()
		}
		for _, k := range g.keysOf(side) {
			write := g.writeKey(k)
			switch v := id("k").Dot(g.keyField(k)); {
			case g.isLimit(k):
				out.If(v.Op(">").Add(num(g.direct()))).Block(write)
			case g.left(k):
				out.If(v.Op("!=").Lit(0)).Block(write)
			default:
				out.Add(write)
			}
		}
	})
	g.file.Line()
}

func (g *generator) writeKey(k *schema.Key) code {
	v, w := id("k").Dot(g.keyField(k)), func(verb string, v code) code { return id("w").Dot(verb).Call(jen.Lit(k.Name), v) }
	switch from := g.goName(k.Type); {
	case k.Type.Kind == schema.Bool:
		return w("Bool", v)
	case k.Form == schema.Text:
		return w("Text", v)
	case k.Form == schema.Hex:
		return w("Hex", convert(from, "uint64", v))
	case k.Type.Signed:
		return w("Int", convert(from, "int64", v))
	default:
		return w("Uint", convert(from, "uint64", v))
	}
}

// completes reports whether zero stands for something else in any key of a side.
func (g *generator) completes(side schema.Side) bool {
	return side == schema.Back || slices.ContainsFunc(g.keysOf(side), func(k *schema.Key) bool {
		return g.replaced(k) || k.Default != nil && k.Default.Text != ""
	})
}

// complete makes the method that gives values to keys for which zero stands for something else.
func (g *generator) complete(side schema.Side, name string) {
	if !g.completes(side) {
		return
	}
	doc(g.file, "complete gives keys that are zero the value that zero stands for.")
	g.file.Func().Params(id("k").Op("*").Id(name)).Id("complete").Params().BlockFunc(func(out *jen.Group) {
		for _, late := range []bool{false, true} { // those that another is the default of come first
			for _, k := range g.keysOf(side) {
				if (k.Default != nil && k.Default.Key != nil) == late {
					g.completeKey(out, k)
				}
			}
		}
	})
	g.file.Line()
}

func (g *generator) completeKey(out *jen.Group, k *schema.Key) {
	v := func() code { return id("k").Dot(g.keyField(k)) }
	d := k.Default
	switch {
	case g.isLimit(k):
		out.Add(v()).Op("=").Min(std("cmp", "Or").Call(v(), num(g.maxSegments())), num(g.maxSegments()))
	case d == nil:
	case d.Text != "":
		out.Add(v()).Op("=").Add(std("cmp", "Or")).Call(v(), jen.Lit(d.Text))
	case !g.replaced(k):
	case d.Key != nil && g.published[d.Key]:
		other := convert(g.goName(d.Key.Type), g.goName(k.Type), id("k").Dot(g.keyField(d.Key)))
		out.Add(v()).Op("=").Add(std("cmp", "Or")).Call(v(), other)
	case d.Key != nil:
		out.Add(v()).Op("=").Add(std("cmp", "Or")).Call(v(), lit(g.constantOf(d.Key)))
	default:
		out.Add(v()).Op("=").Add(std("cmp", "Or")).Call(v(), lit(d.Number))
	}
}
