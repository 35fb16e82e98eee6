package idc

import "fmt"

// disconnected is why there is no connection, where none was lost: it says just that, and
// is an ErrDisconnected.
type disconnected struct{ why error }

// Error is the reason.
func (d disconnected) Error() string { return d.why.Error() }

// Unwrap returns it.
func (d disconnected) Unwrap() error { return d.why }

// Is reports that every one is an ErrDisconnected.
func (d disconnected) Is(target error) bool { return target == ErrDisconnected }

// notConnected makes an ErrDisconnected of a reason.
func notConnected(format string, args ...any) error {
	return disconnected{fmt.Errorf(format, args...)}
}
