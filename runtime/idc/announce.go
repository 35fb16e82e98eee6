package idc

import (
	"log/slog"

	"github.com/xenidc/idc/runtime/platform"
)

// announce has a ring's peer woken when its memory is gone from our process, where the
// platform can do that for a process that just dies. It may sleep; whatever comes next
// begins with its looking.
func announce(ring any, c platform.Channel, log *slog.Logger) {
	a, ok := ring.(platform.Announcer)
	if !ok {
		return
	}
	if err := a.Announce(c); err != nil {
		log.Debug("our end won't be announced", "err", err)
	}
}
