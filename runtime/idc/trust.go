package idc

import (
	"errors"
	"fmt"
	"slices"

	"github.com/xenidc/idc/runtime/platform"
)

// ErrServer says that a name is served by a user whom the front end doesn't accept. It is
// an ErrDisconnected, too: the front end waits for another server.
var ErrServer = notConnected("the server isn't one to connect to")

// trust is whom a front end takes for the server of its name, where the platform knows
// users. One goroutine uses it.
type trust struct {
	allowed []uint32 // by ServerUID; nil: who serves first, and nobody else later
	any     bool     // by AnyServer
	first   uint32   // who served first
	known   bool     // first is
}

// accepts returns nil if we may connect to a back end, else an absent error, or why it
// isn't known.
func (t *trust) accepts(dom platform.Domain, back platform.DomID) error {
	if t.any {
		return nil
	}
	users, ok := dom.(platform.Users)
	if !ok {
		if t.allowed != nil {
			return absent{fmt.Errorf("%w: the platform doesn't know users, and one is asked for (ServerUID)", ErrServer)}
		}
		return nil
	}
	uid, _, err := users.UserOf(back)
	switch {
	case errors.Is(err, platform.ErrPeerGone), errors.Is(err, platform.ErrNoDomain):
		return absent{errNoService}
	case err != nil:
		return fmt.Errorf("who serves it: %w", err)
	case t.allowed != nil && !slices.Contains(t.allowed, uid):
		return absent{fmt.Errorf("%w: user %d serves that name, and %v is asked for (ServerUID)", ErrServer, uid, t.allowed)}
	case t.allowed == nil && t.known && uid != t.first:
		return absent{fmt.Errorf("%w: user %d serves that name, and user %d did before; the option AnyServer allows that", ErrServer, uid, t.first)}
	}
	return nil
}

// connected notes who serves, once we are connected.
func (t *trust) connected(dom platform.Domain, back platform.DomID) {
	if users, ok := dom.(platform.Users); ok && !t.known {
		uid, _, err := users.UserOf(back)
		t.first, t.known = uid, err == nil
	}
}
