package resolve

import (
	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/syntax"
)

// then is a form and the transaction that may follow in the same request.
type then struct {
	form *schema.Form
	name *syntax.Name
}

// option tells whether backs may leave a transaction out. Fronts must have a way to know.
func (r *resolver) option(n *syntax.Name, c clauses) bool {
	if c.option && c.feature == nil {
		r.diags.Add(diag.BadModifier, n.Span(), "`%s` is optional, but nothing says whether it is there", n.Text).
			Because("fronts must know which backs have it").Try("add `when` and a key of the back")
	}
	return c.option
}

// follow finds the transactions that forms name after `then`.
func (r *resolver) follow() {
	for _, d := range r.thens {
		second := r.transactionNamed(d.name)
		if second == nil {
			continue
		}
		form := second.formOf(d.form)
		if len(d.form.Segments) > 0 || form == nil {
			r.diags.Add(diag.WrongKind, d.name.Span(), "`%s` can't follow in the same request", d.name.Text).
				Note(second.Pos, "declared here").
				Because("what follows has a bulk from the front and no results, and a form of the same structs as this one, which has no bulk").
				Try("remove `then %s`", d.name.Text)
			continue
		}
		d.form.Then = &schema.Then{Transaction: second.Transaction, Form: form}
	}
}

// second is a transaction that may follow another.
type second struct{ *schema.Transaction }

func (r *resolver) transactionNamed(n *syntax.Name) *second {
	for _, t := range r.p.Transactions {
		if t.Name == n.Text {
			return &second{t}
		}
	}
	r.unknown(n, "transaction", func() (names []string) {
		for _, t := range r.p.Transactions {
			names = append(names, t.Name)
		}
		return names
	})
	return nil
}

// formOf returns the form that lies in the same structs as first, or nil if there is none that could.
func (s second) formOf(first *schema.Form) *schema.Form {
	if len(s.Results) > 0 || s.Feature != nil {
		return nil
	}
	for _, f := range s.Forms {
		if f.Request == first.Request && f.Response == first.Response && f.Enable == nil && f.Limit == nil &&
			len(f.Segments) == 1 && f.Segments[0].Bulk.Bulk.From == schema.Front {
			return f
		}
	}
	return nil
}
