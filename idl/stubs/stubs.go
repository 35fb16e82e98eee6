// Package stubs says which protocols get stubs, and which declaration is the cause where one doesn't: the runtime can't carry
// everything that the language describes.
package stubs

import (
	"fmt"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/schema"
)

// Cause is a declaration that no stubs can be made of.
type Cause struct {
	Pos diag.Span
	// What the declaration does, and Why that is too much, begin in lower case and have no full stop.
	What, Why string
}

// Missing lists what keeps a protocol from getting stubs, in the order of the text within each kind. Without any, it gets them.
func Missing(p *schema.Protocol) (list []Cause) {
	for i, r := range p.Rings {
		if i > 0 && !p.Chosen { // else its messages are the cause
			list = append(list, Cause{r.Pos, fmt.Sprintf("`%s` is a second ring", r.Name), "the stubs carry one ring"})
		}
	}
	for _, m := range p.Messages {
		list = append(list, Cause{m.Pos, fmt.Sprintf("`%s` is a message", m.Name), "the stubs carry transactions only"})
	}
	for _, t := range p.Transactions {
		list = append(list, bulks(t)...)
	}
	if len(p.Transactions) == 0 && len(p.Messages) == 0 {
		list = append(list, Cause{p.Pos, fmt.Sprintf("`%s` has no transactions", p.Name), "there is nothing that the stubs could do"})
	}
	return list
}

func bulks(t *schema.Transaction) (list []Cause) {
	n := 0
	for _, param := range t.Params {
		b := param.Bulk
		if b == nil {
			continue
		}
		switch n++; {
		case n > 1:
			list = append(list, Cause{param.Pos, fmt.Sprintf("`%s` is a second bulk of `%s`", param.Name, t.Name), "the stubs carry one bulk a transaction"})
		case b.From == schema.Both:
			list = append(list, Cause{param.Pos, fmt.Sprintf("`%s` goes both ways", param.Name), "the stubs carry bulk data one way"})
		case b.Elem != nil:
			list = append(list, Cause{param.Pos, fmt.Sprintf("`%s` is a bulk of `%s`", param.Name, b.Elem.Name), "the stubs carry bulks of bytes"})
		}
	}
	return list
}

// Check says why a protocol gets no stubs, as remarks. In one that gets them it refuses what they wouldn't do.
func Check(p *schema.Protocol, diags *diag.List) {
	missing := Missing(p)
	for _, c := range missing {
		diags.Add(diag.NoStubs, c.Pos, "no stubs are made of protocol `%s`: %s", p.Name, c.What).
			Because("%s", c.Why).Try("use the types and the encoding of the slots, or do without it")
	}
	if len(missing) > 0 {
		return
	}
	for _, u := range p.Unkept {
		diags.Add(diag.NotGenerated, u.Pos, "%s", u.What).Because("%s", u.Why).Try("%s", u.Fix)
	}
}
