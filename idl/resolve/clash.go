package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// callForm is a form and whose it is.
type callForm struct {
	name string
	form *schema.Form
	ring *schema.Ring
	back bool // in a response slot
}

// clashes finds forms that a receiver couldn't tell apart.
func (r *resolver) clashes() {
	var all []callForm
	for _, t := range r.p.Transactions {
		for _, f := range t.Forms {
			all = append(all, callForm{t.Name, f, t.Ring, false})
		}
	}
	for _, m := range r.p.Messages {
		if m.Form != nil {
			all = append(all, callForm{m.Name, m.Form, m.Ring, m.From == schema.Back})
		}
	}
	for i, x := range all {
		for _, y := range all[:i] {
			if y.ring == x.ring && y.back == x.back && !distinct(x.form, y.form) {
				r.clash(x, y)
				break
			}
		}
	}
}

func (r *resolver) clash(x, y callForm) {
	r.diags.Add(diag.FormClash, x.form.Pos, "`%s` and `%s` look the same on ring `%s`", x.name, y.name, x.ring.Name).
		Note(y.form.Pos, "the form of `%s`", y.name).
		Because("no tag of the ring has a different constant in each").
		Try("give a tag of the ring different values, or add a `tag` to the ring")
}

// distinct tells whether some tag has different constants in both.
func distinct(x, y *schema.Form) bool {
	for _, a := range x.Match {
		for _, b := range y.Match {
			if a.Path.String() == b.Path.String() && a.Source.Const != b.Source.Const {
				return true
			}
		}
	}
	return false
}
