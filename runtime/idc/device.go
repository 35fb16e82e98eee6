package idc

import (
	"errors"
	"strconv"
	"strings"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/store"
)

// Device addresses an endpoint by a device that a toolstack made, instead of by a
// name: the device number dev that this domain and peer share. Names then serve
// for logs only. For a back end, peer is the front end's domain; for a front end it is
// the back end's. The toolstack's nodes are
//
//	/local/domain/F/device/DEVICE/DEV       front end's; backend, backend-id, state, ...
//	/local/domain/B/backend/TYPE/F/DEV      back end's; frontend, frontend-id, online, state, ...
//
// as libxl makes them (tools/libs/light/libxl_device.c); [Assignment] can make them,
// too. Where they aren't there the endpoint waits for them. Each end writes nothing
// but below its own directory, and nothing once that was removed. Only one back end
// and one front end of a device may run at a time; nothing in the store keeps a second
// one away.
func Device(peer platform.DomID, dev int) Option {
	return func(o *options) { o.device, o.peer, o.dev = true, peer, dev }
}

// BackendType names the directory below /local/domain/B/backend/ that a back end
// addressed by Device serves. The default is the protocol's device, which for disks,
// "vbd", is what Linux's own driver claims. A front end serves itself to whatever type
// its toolstack chose.
func BackendType(name string) Option { return func(o *options) { o.backType = name } }

// place is where the two ends of one device are in the store.
type place struct {
	front, back string         // directories
	peer        platform.DomID // the other end's
	dev         int
}

// absent says why there is nothing to connect to now. It isn't an error of the store
// connection's: the next event may change it.
type absent struct{ why error }

func (a absent) Error() string { return a.why.Error() }
func (a absent) Unwrap() error { return a.why }

// isAbsent returns the reason if err is one for which to wait.
func isAbsent(err error) bool { return errors.As(err, new(absent)) }

// nowhere makes an absent error.
func nowhere(format string, args ...any) error {
	return absent{notConnected(format, args...)}
}

// parseBackPath takes the path of a back end's directory to pieces:
// /local/domain/B/backend/TYPE/F/DEV.
func parseBackPath(path string) (back, front platform.DomID, dev int, ok bool) {
	p := strings.Split(path, "/")
	if len(p) != 8 || !store.ValidPath(path) || p[1] != "local" || p[2] != "domain" || p[4] != "backend" {
		return 0, 0, 0, false
	}
	b, err1 := strconv.ParseUint(p[3], 10, 16)
	f, err2 := strconv.ParseUint(p[6], 10, 16)
	d, err3 := strconv.ParseUint(p[7], 10, 31)
	return platform.DomID(b), platform.DomID(f), int(d), err1 == nil && err2 == nil && err3 == nil
}
