package gen

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/schema"
)

// readKeys makes the function that reads what a side has published.
func (g *generator) readKeys(side schema.Side, name string) {
	list := g.keysOf(side)
	if side == schema.Back {
		list = append(list, g.heard()...)
	}
	var need []jen.Code
	for _, k := range list {
		if k.Default == nil && !k.Optional && g.published[k] {
			need = append(need, jen.Lit(k.Name))
		}
	}
	g.byDefault(list)
	doc(g.file, fmt.Sprintf("read%s reads what a %s end published, and checks it; r keeps the error.", name, side))
	g.file.Func().Id("read" + name).Params(id("r").Op("*").Add(idc("KeyReader"))).Params(id("k").Id(name)).BlockFunc(func(out *jen.Group) {
		if len(need) > 0 {
			out.Id("r").Dot("Require").Call(need...)
		}
		for _, k := range list {
			out.Id("k").Dot(g.keyField(k)).Op("=").Add(g.readKey(k, list))
			g.checkKey(out, k)
		}
		out.Return(id("k"))
	})
	g.file.Line()
}

// byDefault sorts keys so that one comes after what it is by default.
func (g *generator) byDefault(list []*schema.Key) {
	depth := func(k *schema.Key) (n int) {
		for k.Default != nil && k.Default.Key != nil && n <= len(g.p.Keys) {
			k, n = k.Default.Key, n+1
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b *schema.Key) int { return cmp.Compare(depth(a), depth(b)) })
}

// readKey is the value of a key, of its Go type. list are those that have fields.
func (g *generator) readKey(k *schema.Key, list []*schema.Key) code {
	r := func(verb string, args ...jen.Code) code {
		return id("r").Dot(verb).Call(append([]jen.Code{jen.Lit(k.Name)}, args...)...)
	}
	wide := "uint64"
	if k.Type.Signed {
		wide = "int64"
	}
	typ := g.goName(k.Type)
	switch {
	case k.Type.Kind == schema.Bool:
		return r("Bool", g.defaultFlag(k, list))
	case k.Form == schema.Text:
		return g.readText(k)
	case k.Form == schema.Hex:
		return convert("uint64", typ, r("Hex", num(8*k.Type.Size), g.defaultOf(k, "uint64", list)))
	case k.Min != nil || k.Max != nil:
		least, most := schema.Range(k.Type.Size, k.Type.Signed)
		if k.Min != nil {
			least = *k.Min
		}
		if k.Max != nil {
			most = *k.Max
		}
		verb := map[string]string{"uint64": "UintIn", "int64": "IntIn"}[wide]
		return convert(wide, typ, r(verb, lit(least), lit(most), g.defaultOf(k, wide, list)))
	}
	verb := map[string]string{"uint64": "Uint", "int64": "Int"}[wide]
	return convert(wide, typ, r(verb, num(8*k.Type.Size), g.defaultOf(k, wide, list)))
}

// defaultOf is what an absent number counts as.
func (g *generator) defaultOf(k *schema.Key, wide string, list []*schema.Key) code {
	d := k.Default
	switch {
	case d == nil:
		return num(0)
	case d.Key == nil:
		return lit(d.Number)
	case slices.Contains(list, d.Key):
		return convert(g.goName(d.Key.Type), wide, id("k").Dot(g.keyField(d.Key)))
	case g.runtimeKey(d.Key):
		return lit(g.constantOf(d.Key))
	}
	return convert(g.goName(d.Key.Type), wide, g.readKey(d.Key, list))
}

func (g *generator) defaultFlag(k *schema.Key, list []*schema.Key) code {
	d := k.Default
	switch {
	case d == nil:
		return jen.False()
	case d.Key == nil:
		return jen.Lit(d.Number.Sign() != 0)
	case slices.Contains(list, d.Key):
		return id("k").Dot(g.keyField(d.Key))
	}
	return g.readKey(d.Key, list)
}

func (g *generator) readText(k *schema.Key) code {
	args := []jen.Code{jen.Lit(k.Name), jen.Lit("")}
	if k.Default != nil {
		args[1] = jen.Lit(k.Default.Text)
	}
	if len(k.OneOf) == 0 {
		return id("r").Dot("Text").Call(args...)
	}
	for _, v := range k.OneOf {
		args = append(args, jen.Lit(v))
	}
	return id("r").Dot("TextIn").Call(args...)
}

// checkKey refuses values that a key's type doesn't know.
func (g *generator) checkKey(out *jen.Group, k *schema.Key) {
	v := func() code { return id("k").Dot(g.keyField(k)) }
	if !g.failing(k.Type) {
		return
	}
	good := jen.Null()
	if k.Type.Kind == schema.BitsOf {
		good.Add(v()).Op("&^").Add(hex(k.Type.Bits.Mask())).Op("==").Lit(0)
	} else if len(k.Type.Enum.Values) == 0 {
		good.False()
	}
	if k.Type.Kind == schema.EnumOf {
		for i, e := range k.Type.Enum.Values {
			if i > 0 {
				good.Op("||")
			}
			good.Add(v()).Op("==").Add(g.enumValue(k.Type.Enum, e))
		}
	}
	out.Id("r").Dot("Check").Call(jen.Lit(k.Name), good)
}
