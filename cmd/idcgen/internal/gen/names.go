package gen

import (
	"go/token"
	"go/types"
	"strings"

	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/schema"
)

// unique enters an unexported name of the package, with a number if it is taken.
func (g *generator) unique(want string) string { return uniqueIn(g.internal, want) }

func uniqueIn(taken map[string]bool, want string) string {
	name := want
	for n := 2; taken[name]; n++ {
		name = want + itoa(n)
	}
	taken[name] = true
	return name
}

// ownLocals are the names that functions with a call's parameters use for themselves, and servedLocals those that serve one.
var (
	ownLocals    = strings.Fields("ctx done err f i k n req s status t")
	servedLocals = strings.Fields("abi b data err i k list n ok r req result s status")
)

// local names a parameter in generated functions: it is no word of Go's, nothing that is declared everywhere, no package and
// nothing that these functions use themselves.
func (g *generator) local(taken map[string]bool, name string) string {
	s := golang.Unexported(name)
	for taken[s] || token.IsKeyword(s) || types.Universe.Lookup(s) != nil || imports[s] != "" || g.internal[s] {
		s += "_"
	}
	taken[s] = true
	return s
}

// newLocals is the scope of a function's parameters.
func newLocals() map[string]bool {
	taken := map[string]bool{}
	for _, s := range ownLocals {
		taken[s] = true
	}
	return taken
}

func (g *generator) abiConst(a schema.ABI) string {
	name := golang.Exported(a.String())
	if g.names.Stubs() {
		return "abi" + name
	}
	return "ABI" + name
}

func isKeyword(s string) bool { return token.IsKeyword(s) }
