//go:build linux

package xen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// capabilities is where a kernel on Xen tells whether it is dom0's ("control_d").
const capabilities = "/proc/xen/capabilities"

// identify finds our number. The toolstack writes it into every domain's own
// subtree, where the relative path leads; for dom0, xen-init-dom0 does.
func identify(ctx context.Context, c *store.Client, o options) (platform.DomID, error) {
	if o.knowsID {
		return o.id, nil
	}
	text, err := c.Read(ctx, store.NoTx, "domid")
	if errors.Is(err, fs.ErrNotExist) {
		if caps, err := os.ReadFile(capabilities); err == nil && isControl(string(caps)) {
			return 0, nil
		}
		return 0, fmt.Errorf("xen: which domain is this? The store at %s has no domid below our own path: "+
			"in dom0 run xen-init-dom0; elsewhere the toolstack writes it: %w", o.store, err)
	}
	if err != nil {
		return 0, fmt.Errorf("xen: read our number from the store at %s: %w", o.store, err)
	}
	id, err := strconv.ParseUint(text, 10, 16)
	if err != nil || platform.DomID(id) >= platform.FirstReserved {
		return 0, fmt.Errorf("xen: the store at %s says that our number is %q, which no domain can have", o.store, text)
	}
	return platform.DomID(id), nil
}

// isControl reports whether a kernel's capabilities are dom0's.
func isControl(caps string) bool { return strings.Contains(caps, "control_d") }
