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
	trees := map[callForm]*formTree{} // by ring and direction
	see := func(c callForm) {
		key := callForm{ring: c.ring, back: c.back}
		tree := trees[key]
		if tree == nil {
			tree = &formTree{tags: r.tagNames(c.ring)}
			trees[key] = tree
		}
		values := tagValues(c.form)
		if prev := tree.root.find(tree.tags, values); prev != nil {
			r.clash(c, *prev)
			return
		}
		tree.root.add(tree.tags, values, c)
	}
	for _, t := range r.p.Transactions {
		for _, f := range t.Forms {
			see(callForm{t.Name, f, t.Ring, false})
		}
	}
	for _, m := range r.p.Messages {
		if m.Form != nil {
			see(callForm{m.Name, m.Form, m.Ring, m.From == schema.Back})
		}
	}
}

func (r *resolver) tagNames(ring *schema.Ring) (names []string) {
	for _, p := range r.rings[ring.Name].tags {
		names = append(names, p.String())
	}
	return names
}

// tagValues are the constants by which a form is recognised.
func tagValues(f *schema.Form) map[string]schema.Number {
	values := map[string]schema.Number{}
	for _, m := range f.Match {
		values[m.Path.String()] = m.Source.Const
	}
	return values
}

// formTree holds forms by the values of their tags, the ring's first tag at the root.
type formTree struct {
	tags []string
	root formNode
}

// formNode is the forms that agree on the tags above it.
type formNode struct {
	leaf *callForm // below the last tag
	with map[schema.Number]*formNode
	list []*formNode // those of with, in the order of the text
	any  *formNode   // of forms that say nothing about this tag
}

// find returns a form that has no tag of another value than these.
func (n *formNode) find(tags []string, values map[string]schema.Number) *callForm {
	if n == nil {
		return nil
	}
	if len(tags) == 0 {
		return n.leaf
	}
	if found := n.any.find(tags[1:], values); found != nil {
		return found
	}
	if v, set := values[tags[0]]; set {
		return n.with[v].find(tags[1:], values)
	}
	for _, child := range n.list {
		if found := child.find(tags[1:], values); found != nil {
			return found
		}
	}
	return nil
}

func (n *formNode) add(tags []string, values map[string]schema.Number, c callForm) {
	for ; len(tags) > 0; tags = tags[1:] {
		next := &n.any
		if v, set := values[tags[0]]; set {
			if n.with == nil {
				n.with = map[schema.Number]*formNode{}
			}
			child := n.with[v]
			next = &child
			if child == nil {
				child = &formNode{}
				n.with[v] = child
				n.list = append(n.list, child)
			}
		}
		if *next == nil {
			*next = &formNode{}
		}
		n = *next
	}
	n.leaf = &c
}

func (r *resolver) clash(x, y callForm) {
	r.diags.Add(diag.FormClash, x.form.Pos, "`%s` and `%s` look the same on ring `%s`", x.name, y.name, x.ring.Name).
		Note(y.form.Pos, "the form of `%s`", y.name).
		Because("no tag of the ring has a different constant in each").
		Try("give a tag of the ring different values, or add a `tag` to the ring")
}
