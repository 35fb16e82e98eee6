package gen

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

// runtimeKey reports whether the runtime itself publishes a key: those of rings,
// queues, channels and the ABI.
func (g *generator) runtimeKey(k *schema.Key) bool {
	for _, r := range g.p.Rings {
		for _, own := range []*schema.Key{r.RefKey, r.RefsKey, r.Order, r.MaxOrder, r.Queues, r.MaxQueues, r.Channel} {
			if own == k || r.Persistent != nil && k.Name == r.Persistent.Name {
				return true
			}
		}
	}
	return k.Made || k.PerQueue || k.In == schema.Front && k.Name == "protocol"
}

// keysOf returns what an end of ours publishes, less what the runtime does and what
// is obsolete.
func (g *generator) keysOf(side schema.Side) (keys []*schema.Key) {
	for _, k := range g.p.Keys {
		if k.In == side && k.From == side && !k.Deprecated && !g.runtimeKey(k) && !strings.Contains(k.Name, "%") && k.Form != schema.HexPair {
			keys = append(keys, k)
		}
	}
	return keys
}

func keysName(side schema.Side) string { return exported(string(side)) + "Keys" }

// keys makes the type of what a side publishes.
func (g *generator) keys(side schema.Side) {
	name := keysName(side)
	if len(g.keysOf(side)) == 0 {
		return
	}
	g.out.doc(fmt.Sprintf("%s is what a %s end publishes. The runtime adds what it needs for rings.", name, side))
	g.out.line("type %s struct {", name)
	for _, k := range g.keysOf(side) {
		g.keyDoc(k)
		g.out.line("%s %s", exported(k.Name), g.goType(k.Type))
	}
	g.out.line("}")
	g.out.line("")
	if side == schema.Front {
		g.out.line("// Option has a front end publish k.")
		g.out.line("func (k FrontKeys) Option() idc.Option { return idc.Publish(k.publish) }")
		g.out.line("")
	}
	g.publish(side, name)
	if side == schema.Back {
		g.complete(side, name)
	}
	g.readKeys(side, name)
}

func (g *generator) keyDoc(k *schema.Key) {
	doc := k.Doc
	switch {
	case g.isLimit(k):
		doc = strings.TrimSpace(doc + fmt.Sprintf(" 0 stands for %d, which is also the most; %d or less for none, and isn't published.", g.maxSegments(), g.direct()))
	case k.Default != nil && k.Default.Key != nil:
		doc = strings.TrimSpace(doc + fmt.Sprintf(" 0 stands for %s.", exported(k.Default.Key.Name)))
	}
	if doc != "" {
		g.out.doc(doc)
	}
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

func (g *generator) publish(side schema.Side, name string) {
	g.out.line("func (k %s) publish(w *idc.KeyWriter) {", name)
	for _, k := range g.keysOf(side) {
		v := "k." + exported(k.Name)
		switch {
		case g.isLimit(k):
			g.out.line("if %s > %d {", v, g.direct())
			g.out.line("w.Uint(%q, %s)", k.Name, unsigned(g.goType(k.Type), "uint64", v))
			g.out.line("}")
		case k.Type.Kind == schema.Bool:
			g.out.line("w.Bool(%q, %s)", k.Name, v)
		case k.Form == schema.Text:
			g.out.line("w.Text(%q, %s)", k.Name, v)
		case k.Form == schema.Hex:
			g.out.line("w.Hex(%q, %s)", k.Name, unsigned(g.goType(k.Type), "uint64", v))
		case k.Type.Signed:
			g.out.line("w.Int(%q, %s)", k.Name, unsigned(g.goType(k.Type), "int64", v))
		default:
			g.out.line("w.Uint(%q, %s)", k.Name, unsigned(g.goType(k.Type), "uint64", v))
		}
	}
	g.out.line("}")
	g.out.line("")
}

// complete gives values to keys for which zero stands for something else.
func (g *generator) complete(side schema.Side, name string) {
	g.out.line("// complete gives keys that are zero the value that zero stands for.")
	g.out.line("func (k *%s) complete() {", name)
	for _, k := range g.keysOf(side) {
		v := "k." + exported(k.Name)
		switch {
		case g.isLimit(k):
			g.out.line("%s = min(cmp.Or(%s, %d), %d)", v, v, g.maxSegments(), g.maxSegments())
		case k.Default == nil || k.Type.Kind == schema.Bool:
		case k.Default.Key != nil && !g.runtimeKey(k.Default.Key):
			g.out.line("%s = cmp.Or(%s, %s)", v, v, convert(g, k.Default.Key, k, "k."+exported(k.Default.Key.Name)))
		case k.Default.Number.Sign() != 0 && k.Form != schema.Text && k.Min != nil && k.Min.Sign() > 0:
			g.out.line("%s = cmp.Or(%s, %d)", v, v, k.Default.Number)
		case k.Default.Text != "":
			g.out.line("%s = cmp.Or(%s, %q)", v, v, k.Default.Text)
		}
	}
	g.out.line("}")
	g.out.line("")
}

func convert(g *generator, from, to *schema.Key, v string) string {
	return unsigned(g.goType(from.Type), g.goType(to.Type), v)
}

func (g *generator) readKeys(side schema.Side, name string) {
	g.out.line("// read%s reads what a %s end published, and checks it; r keeps the error.", name, side)
	g.out.line("func read%s(r *idc.KeyReader) (k %s) {", name, name)
	var need []string
	for _, k := range g.keysOf(side) {
		if k.Default == nil && !k.Optional {
			need = append(need, fmt.Sprintf("%q", k.Name))
		}
	}
	if len(need) > 0 {
		g.out.line("r.Require(%s)", strings.Join(need, ", "))
	}
	keys := g.keysOf(side)
	for _, late := range []bool{false, true} { // those that another is the default of come first
		for _, k := range keys {
			if (k.Default != nil && k.Default.Key != nil) == late {
				g.out.line("k.%s = %s", exported(k.Name), g.readKey(k))
			}
		}
	}
	g.out.line("return k")
	g.out.line("}")
	g.out.line("")
}

func (g *generator) readKey(k *schema.Key) string {
	def := "0"
	if d := k.Default; d != nil {
		def = fmt.Sprint(d.Number)
		if d.Key != nil && !g.runtimeKey(d.Key) {
			def = unsigned(g.goType(d.Key.Type), "uint64", "k."+exported(d.Key.Name))
		}
	}
	typ := g.goType(k.Type)
	switch {
	case k.Type.Kind == schema.Bool:
		return fmt.Sprintf("r.Bool(%q, %t)", k.Name, def != "0")
	case k.Form == schema.Text:
		return g.readText(k)
	case k.Form == schema.Hex:
		return typ + fmt.Sprintf("(r.Hex(%q, %d, %s))", k.Name, 8*k.Type.Size, def)
	case k.Min != nil || k.Max != nil:
		least, most := bounds(k)
		verb := "UintIn"
		if k.Type.Signed {
			verb = "IntIn"
		}
		return typ + fmt.Sprintf("(r.%s(%q, %d, %d, %s))", verb, k.Name, least, most, def)
	case k.Type.Signed:
		return typ + fmt.Sprintf("(r.Int(%q, %d, %s))", k.Name, 8*k.Type.Size, def)
	}
	v := fmt.Sprintf("r.Uint(%q, %d, %s)", k.Name, 8*k.Type.Size, def)
	if typ == "uint64" {
		return v
	}
	return typ + "(" + v + ")"
}

func (g *generator) readText(k *schema.Key) string {
	def := ""
	if k.Default != nil {
		def = k.Default.Text
	}
	if len(k.OneOf) == 0 {
		return fmt.Sprintf("r.Text(%q, %q)", k.Name, def)
	}
	list := ""
	for _, v := range k.OneOf {
		list += fmt.Sprintf(", %q", v)
	}
	if k.Optional {
		list += `, ""`
	}
	return fmt.Sprintf("r.TextIn(%q, %q%s)", k.Name, def, list)
}

func bounds(k *schema.Key) (least, most schema.Number) {
	least, most = schema.Range(k.Type.Size, k.Type.Signed)
	if k.Min != nil {
		least = *k.Min
	}
	if k.Max != nil {
		most = *k.Max
	}
	return least, most
}
