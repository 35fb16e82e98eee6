package gen

import (
	"github.com/dave/jennifer/jen"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// enumName is the Go type of an enum.
func (g *generator) enumName(e *schema.Enum) string {
	switch name := g.names.Of(e); {
	case name != "":
		return name
	case e.Status:
		return "idc.Code"
	}
	return "operation"
}

// codes are the compiler's own values of a status.
var codes = map[schema.Role]string{
	schema.Success: "Succeeded", schema.Failure: "Failed", schema.Malformed: "Malformed", schema.Unsupported: "Unsupported",
}

// enumValue is a value of an enum by its name.
func (g *generator) enumValue(e *schema.Enum, v *schema.EnumValue) code {
	if name := g.names.Of(v); name != "" {
		return id(name)
	}
	if e.Status {
		return idc(codes[v.Roles[0]])
	}
	return id("operation" + golang.Exported(v.Name))
}

// role is the status that plays a role.
func (g *generator) role(r schema.Role) code { return g.enumValue(g.p.Status, g.p.Status.Role(r)) }

func (g *generator) enums() {
	for _, e := range g.p.Enums {
		if !g.hidden(e) || !e.Status {
			g.enum(e)
		}
	}
}

func (g *generator) enum(e *schema.Enum) {
	name := g.enumName(e)
	doc(g.file, or(sentence(name, "says", e.Doc), name+" is an enumeration."))
	g.file.Type().Id(name).Id(intName(e.Size, e.Signed))
	g.file.Line()
	if len(e.Values) > 0 {
		doc(g.file, "The values of "+name+".")
		g.file.Const().DefsFunc(func(out *jen.Group) {
			for _, v := range e.Values {
				if v.Doc != "" && !g.hidden(e) {
					doc(out, v.Doc)
				}
				out.Add(g.enumValue(e, v)).Id(name).Op("=").Add(lit(v.Value))
			}
		})
		g.file.Line()
	}
	if !g.hidden(e) {
		g.enumString(e, name)
	}
}

func (g *generator) enumString(e *schema.Enum, name string) {
	doc(g.file, "String is the value's name in the protocol.")
	g.file.Func().Params(id("v").Id(name)).Id("String").Params().String().BlockFunc(func(out *jen.Group) {
		if len(e.Values) > 0 {
			out.Switch(id("v")).BlockFunc(func(out *jen.Group) {
				for _, v := range e.Values {
					out.Case(g.enumValue(e, v)).Block(jen.Return(jen.Lit(v.Name)))
				}
			})
		}
		digits := std("strconv", "FormatUint").Call(jen.Uint64().Call(id("v")), num(10))
		if e.Signed {
			digits = std("strconv", "FormatInt").Call(jen.Int64().Call(id("v")), num(10))
		}
		out.Return(jen.Lit(e.Name + " ").Op("+").Add(digits))
	})
	g.file.Line()
}
