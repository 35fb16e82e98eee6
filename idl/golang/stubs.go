package golang

import (
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/stubs"
)

// Stubs reports whether p gets stubs, and not only types and codecs.
func Stubs(p *schema.Protocol) bool { return len(stubs.Missing(p)) == 0 }
