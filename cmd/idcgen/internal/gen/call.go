package gen

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

// arg is a value that a transaction keeps from its call until it is encoded, which
// may be more than once.
type arg struct {
	field, typ string
}

// taken are the methods of Front that aren't transactions.
var taken = map[string]bool{"Alloc": true, "Back": true, "Close": true, "Connected": true, "MaxBulk": true, "Poll": true}

// callName is the name of a transaction's method.
func callName(t *schema.Transaction) string {
	name := exported(t.Name)
	if taken[name] {
		return name + "Call"
	}
	return name
}

// scalars are the arguments that travel in the slot.
func scalars(t *schema.Transaction) (list []*schema.Param) {
	for _, p := range t.Params {
		if p.Bulk == nil {
			list = append(list, p)
		}
	}
	return list
}

// bulkOf is the transaction's bulk argument, or nil.
func bulkOf(t *schema.Transaction) *schema.Param {
	for _, p := range t.Params {
		if p.Bulk != nil {
			return p
		}
	}
	return nil
}

// collectArgs lays out what a transaction keeps: the arguments of all of them, those
// of the same name and type in one place.
func (g *generator) collectArgs() {
	if !g.whole {
		return
	}
	for _, t := range g.p.Transactions {
		for _, p := range scalars(t) {
			a := arg{g.argField(t, p), g.goType(p.Type)}
			if !slices.Contains(g.args, a) {
				g.args = append(g.args, a)
			}
		}
		if sig := g.callback(t); !slices.Contains(g.dones, sig) {
			g.dones = append(g.dones, sig)
		}
	}
}

// argField names the place of an argument. Two arguments of one name and different
// types get two.
func (g *generator) argField(t *schema.Transaction, p *schema.Param) string {
	name := unexported(p.Name)
	for _, a := range g.args {
		if a.field == name && a.typ != g.goType(p.Type) {
			return unexported(t.Name + "_" + p.Name)
		}
	}
	return name
}

// doneField is where the callback of t is kept.
func (g *generator) doneField(t *schema.Transaction) string {
	i := slices.Index(g.dones, g.callback(t))
	if i == 0 {
		return "done"
	}
	return fmt.Sprintf("done%d", i+1)
}

// implicit reports whether transactions end with an error instead of a status.
func (g *generator) implicit() bool { return g.hidden(g.p.Status) }

// results are the types that a call of t returns.
func (g *generator) results(t *schema.Transaction) (types []string) {
	switch len(t.Results) {
	case 0:
	case 1:
		types = append(types, g.goType(t.Results[0].Type))
	default:
		types = append(types, callName(t)+"Response")
	}
	return types
}

// returns are the types that a front end's call of t returns.
func (g *generator) returns(t *schema.Transaction) []string {
	types := g.results(t)
	if !g.implicit() {
		types = append(types, g.enumType(g.p.Status))
	}
	return append(types, "error")
}

// serves are the types that a back end's method returns.
func (g *generator) serves(t *schema.Transaction) string {
	types := g.results(t)
	if g.implicit() {
		types = append(types, "error")
	} else {
		types = append(types, g.enumType(g.p.Status))
	}
	return tuple(types)
}

func tuple(types []string) string {
	if len(types) == 1 {
		return types[0]
	}
	return "(" + strings.Join(types, ", ") + ")"
}

func (g *generator) callback(t *schema.Transaction) string {
	return "func(" + strings.Join(g.returns(t), ", ") + ")"
}

// fails are the values that a call of t returns with an error.
func (g *generator) fails(t *schema.Transaction, err string) string {
	var values []string
	for _, typ := range g.results(t) {
		values = append(values, zero(typ, t))
	}
	if !g.implicit() {
		values = append(values, g.role(schema.Failure))
	}
	return strings.Join(append(values, err), ", ")
}

// unsupported are the values that a call of t returns where the back end doesn't
// offer it.
func (g *generator) unsupported(t *schema.Transaction) string {
	if g.implicit() {
		return g.fails(t, "idc.Unsupported")
	}
	s := g.fails(t, "nil")
	i := strings.LastIndex(s, g.role(schema.Failure))
	return s[:i] + g.role(schema.Unsupported) + ", nil"
}

func (g *generator) role(r schema.Role) string { return g.enumValue(g.p.Status, g.p.Status.Role(r)) }

// zero is the zero value of a result.
func zero(typ string, t *schema.Transaction) string {
	switch {
	case len(t.Results) > 1:
		return typ + "{}"
	case t.Results[0].Type.Kind == schema.Bool:
		return "false"
	case t.Results[0].Type.Scalar():
		return "0"
	case typ == "string":
		return `""`
	case strings.HasPrefix(typ, "[]"):
		return "nil"
	}
	return typ + "{}"
}

// params are the parameters of a call, after ctx.
func (g *generator) params(t *schema.Transaction) string {
	var b strings.Builder
	for _, p := range t.Params {
		typ := "[]byte"
		if p.Bulk == nil {
			typ = g.goType(p.Type)
		}
		fmt.Fprintf(&b, ", %s %s", unexported(p.Name), typ)
	}
	return b.String()
}

// pass are the arguments of a call, after ctx; data replaces the bulk.
func pass(t *schema.Transaction, data string) string {
	var b strings.Builder
	for _, p := range t.Params {
		if p.Bulk != nil && data != "" {
			b.WriteString(", " + data)
		} else {
			b.WriteString(", " + unexported(p.Name))
		}
	}
	return b.String()
}

// transactionSegments is how many segments the bulk of t may have.
func transactionSegments(t *schema.Transaction) (n int) {
	for _, f := range t.Forms {
		n = max(n, formSegments(f))
	}
	return n
}
