package idc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/store"
)

// KeyWriter collects the keys that an endpoint publishes.
type KeyWriter struct {
	keys []key
	old  []string // removed before
}

type key struct{ name, value string }

// Uint publishes a number in decimal.
func (w *KeyWriter) Uint(name string, v uint64) { w.Text(name, strconv.FormatUint(v, 10)) }

// Hex publishes a number in hexadecimal without prefix.
func (w *KeyWriter) Hex(name string, v uint64) { w.Text(name, strconv.FormatUint(v, 16)) }

// Int publishes a signed number in decimal.
func (w *KeyWriter) Int(name string, v int64) { w.Text(name, strconv.FormatInt(v, 10)) }

// Bool publishes 1 or 0.
func (w *KeyWriter) Bool(name string, v bool) {
	if v {
		w.Text(name, "1")
	} else {
		w.Text(name, "0")
	}
}

// Text publishes a text. An empty one is not published.
func (w *KeyWriter) Text(name, v string) {
	if v != "" {
		w.keys = append(w.keys, key{name, v})
	}
}

// all publishes texts, in the order of their names.
func (w *KeyWriter) all(keys map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		w.Text(name, keys[name])
	}
}

// get returns the value that name has been given last.
func (w *KeyWriter) get(name string) (value string, ok bool) {
	for _, k := range slices.Backward(w.keys) {
		if k.name == name {
			return k.value, true
		}
	}
	return "", false
}

// keep publishes whether the other end's pages, or ours, may stay mapped between
// requests: the runtime and what the protocol's own keys say must both want it.
func (o *options) keep(w *KeyWriter, p *Protocol) (yes bool) {
	if p.Persistent == "" {
		return true
	}
	said, ok := w.get(p.Persistent)
	yes = !o.unkept && (!ok || said != "0")
	w.Bool(p.Persistent, yes)
	return yes
}

// write puts all keys below dir.
func (w *KeyWriter) write(ctx context.Context, c *store.Client, tx store.Tx, dir string) error {
	for _, name := range w.old {
		if err := c.Remove(ctx, tx, dir+"/"+name); err != nil && !errors.Is(err, syscall.ENOENT) {
			return err
		}
	}
	for _, k := range w.keys {
		if err := c.Write(ctx, tx, dir+"/"+k.name, k.value); err != nil {
			return err
		}
	}
	return nil
}

// KeyReader reads the keys that the other end published. The values are the peer's
// word: whoever uses them checks them. The first malformed or unreadable one is
// kept for Err, and reads as its default.
type KeyReader struct {
	ctx   context.Context
	store *store.Client
	dir   string
	err   error // the first fault
	// unread is why the first key that couldn't be read couldn't: that says nothing of
	// the other end.
	unread error
}

// Err is the first fault that was met.
func (r *KeyReader) Err() error { return r.err }

// Text returns a key's value, or def if it isn't there.
func (r *KeyReader) Text(name, def string) string {
	v, ok := r.lookup(name)
	if !ok {
		return def
	}
	return v
}

// Uint returns a decimal number, or def if the key isn't there. A number that needs
// more than size bits is malformed.
func (r *KeyReader) Uint(name string, size int, def uint64) uint64 {
	return r.number(name, 10, size, def)
}

// UintIn is Uint for a number that must lie between least and most.
func (r *KeyReader) UintIn(name string, least, most, def uint64) uint64 {
	if _, ok := r.lookup(name); !ok {
		return def
	}
	v := r.Uint(name, 64, def)
	if v < least || v > most {
		r.fault(name, strconv.FormatUint(v, 10), fmt.Errorf("must be %d to %d", least, most))
		return def
	}
	return v
}

// IntIn is Int for a number that must lie between least and most.
func (r *KeyReader) IntIn(name string, least, most, def int64) int64 {
	if _, ok := r.lookup(name); !ok {
		return def
	}
	v := r.Int(name, 64, def)
	if v < least || v > most {
		r.fault(name, strconv.FormatInt(v, 10), fmt.Errorf("must be %d to %d", least, most))
		return def
	}
	return v
}

// TextIn is Text for a text that must be one of a few.
func (r *KeyReader) TextIn(name, def string, allowed ...string) string {
	v, ok := r.lookup(name)
	if !ok {
		return def
	}
	if !slices.Contains(allowed, v) {
		r.fault(name, v, fmt.Errorf("must be one of %q", allowed))
		return def
	}
	return v
}

// Check makes it a fault if a key is there and its value, which was read, isn't good.
func (r *KeyReader) Check(name string, good bool) {
	if good {
		return
	}
	if v, ok := r.lookup(name); ok {
		r.fault(name, v, errors.New("the protocol has no such value"))
	}
}

// Require makes the absence of any of these keys a fault.
func (r *KeyReader) Require(names ...string) {
	for _, name := range names {
		if _, ok := r.lookup(name); !ok && r.err == nil {
			r.err = fmt.Errorf("%w: key %s/%s is missing", ErrProtocol, r.dir, name)
		}
	}
}

// Hex returns a hexadecimal number.
func (r *KeyReader) Hex(name string, size int, def uint64) uint64 {
	return r.number(name, 16, size, def)
}

// Int returns a signed decimal number.
func (r *KeyReader) Int(name string, size int, def int64) int64 {
	s, ok := r.lookup(name)
	if !ok {
		return def
	}
	v, err := strconv.ParseInt(strings.TrimSpace(s), 10, size)
	if err != nil {
		r.fault(name, s, err)
		return def
	}
	return v
}

// Bool returns whether a key is a number other than 0, or def if it isn't there.
func (r *KeyReader) Bool(name string, def bool) bool {
	var d uint64
	if def {
		d = 1
	}
	return r.number(name, 10, 64, d) != 0
}

func (r *KeyReader) number(name string, base, size int, def uint64) uint64 {
	s, ok := r.lookup(name)
	if !ok {
		return def
	}
	v, err := strconv.ParseUint(strings.TrimSpace(s), base, size)
	if err != nil {
		r.fault(name, s, err)
		return def
	}
	return v
}

func (r *KeyReader) lookup(name string) (string, bool) {
	v, err := r.store.Read(r.ctx, 0, r.dir+"/"+name)
	if err != nil {
		if !errors.Is(err, syscall.ENOENT) {
			r.unread = cmp.Or(r.unread, err)
			r.err = cmp.Or(r.err, err)
		}
		return "", false
	}
	return v, true
}

func (r *KeyReader) fault(name, value string, err error) {
	if r.err == nil {
		if cause := errors.Unwrap(err); cause != nil { // of a strconv.NumError, which repeats the value
			err = cause
		}
		r.err = fmt.Errorf("%w: key %s/%s is %q: %w", ErrProtocol, r.dir, name, value, err)
	}
}
