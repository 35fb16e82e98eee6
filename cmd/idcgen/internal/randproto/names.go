package randproto

import (
	"fmt"
	"strings"
)

var ordinary = []string{"alpha", "beta", "gamma", "delta", "block", "sector", "level", "mode", "kind", "colour", "width", "height",
	"speed", "owner", "label", "page", "count", "start", "length", "offset", "index", "value", "state", "limit", "window", "depth"}

// awkward are names that mean something in Go, to its tools, or to what is generated.
var awkward = []string{"type", "func", "package", "range", "select", "string", "error", "len", "nil", "true", "int", "uint8", "byte",
	"init", "main", "append", "copy", "any", "front", "back", "open", "serve", "export", "service", "server", "close", "connected", "poll",
	"alloc", "max_bulk", "handle", "publish", "set", "accept", "new_front", "front_keys", "back_keys", "option", "name", "ready", "update",
	"idc", "binary", "context", "strconv", "errors", "fmt", "atomic", "cmp", "ctx", "err", "m", "b", "r", "s", "t", "f", "n", "ok", "req",
	"rsp", "data", "abi", "done", "put", "get", "size", "nothing", "sample", "protocol_", "protocol", "unknown", "request", "response",
	"operation", "status", "id", "form", "segment", "pad_", "x1", "a_b", "a_B", "ab", "aB", "a__b", "id_", "url", "usb_id", "front_slot", "keys",
	"frozen", "ring", "device", "read_back_keys", "fuzz_codec", "encode", "begin", "finish", "animal_size", "with", "bytes_", "bool_", "slot",
	"ragged", "offers", "negotiate", "refresh", "repeat", "reflect", "testing"}

// name draws a name for a declaration.
func (d *drawer) name() string { return d.local(d.taken) }

// local draws a name that taken hasn't.
func (d *drawer) local(taken map[string]bool) string {
	for {
		n := pick(d, ordinary)
		switch {
		case !d.plain && d.one(5):
			n = pick(d, awkward)
		case d.one(2):
			n += "_" + pick(d, ordinary)
		}
		if taken[n] {
			n = fmt.Sprintf("%s_%d", n, d.within(2, 9999))
		}
		if !taken[n] && !forbidden[n] {
			taken[n] = true
			return n
		}
	}
}

// forbidden are the words that no declaration can have for a name.
var forbidden = map[string]bool{"bytes": true, "bool": true, "gref": true, "port": true, "domid": true, "buffer": true, "string": true, "pad": true}

// alike draws a name that is the same in Go as one that is there, once in a while.
func (d *drawer) alike(taken map[string]bool, n string) string {
	if m := strings.ReplaceAll(n, "_", "__"); !d.plain && m != n && d.one(40) && !taken[m] {
		taken[m] = true
		return m
	}
	return d.local(taken)
}
