package gen

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// scope is the unexported names of a package, a struct with its methods or a function. The number is how often a name was
// wanted.
type scope map[string]int

func scopeOf(names ...string) scope {
	s := scope{}
	s.own(names...)
	return s
}

// own enters names that are what they are.
func (s scope) own(names ...string) {
	for _, name := range names {
		s[name] = 1
	}
}

// unique enters a name, with a number if it is taken.
func (s scope) unique(want string) string {
	name := want
	for s[name] > 0 {
		s[want]++
		name = want + itoa(s[want])
	}
	s[name] = 1
	return name
}

// ownLocals are the names that functions with a call's parameters use for themselves, and servedLocals those that serve one.
var (
	ownLocals    = strings.Fields("ctx done err f i k n req s status t")
	servedLocals = strings.Fields("abi b data err i k list n ok r req result s status")
)

// local names a parameter in generated functions: it is no word of Go's, nothing that is declared everywhere, no package and
// nothing that these functions use themselves.
func (g *generator) local(taken scope, name string) string {
	s := golang.Unexported(name)
	for taken[s] > 0 || token.IsKeyword(s) || types.Universe.Lookup(s) != nil || imports[s] != "" || g.internal[s] > 0 {
		s += "_"
	}
	taken[s] = 1
	return s
}

func (g *generator) abiConst(a schema.ABI) string {
	name := golang.Exported(a.String())
	if g.names.Stubs() {
		return "abi" + name
	}
	return "ABI" + name
}

func isKeyword(s string) bool { return token.IsKeyword(s) }
