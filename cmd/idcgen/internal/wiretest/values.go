package wiretest

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/xenidc/idc/cmd/idcgen/internal/reading"
)

// toGo gives a Go value what a value of the wire means. The two have the same shape, less what Go says in another way.
func toGo(dst reflect.Value, v reading.Value) {
	switch v := v.(type) {
	case nil: // it doesn't exist on this ABI
	case uint64:
		switch {
		case dst.Kind() == reflect.Bool:
			dst.SetBool(v != 0)
		case dst.CanInt():
			bits := 64 - dst.Type().Bits()
			dst.SetInt(int64(v) << bits >> bits)
		default:
			dst.SetUint(v << (64 - dst.Type().Bits()) >> (64 - dst.Type().Bits()))
		}
	case []byte:
		switch dst.Kind() {
		case reflect.String:
			dst.SetString(string(v))
		case reflect.Slice:
			dst.SetBytes(bytes.Clone(v))
		default:
			dst.SetZero()
			reflect.Copy(dst, reflect.ValueOf(v))
		}
	case []reading.Value:
		if dst.Kind() == reflect.Slice {
			dst.Set(reflect.MakeSlice(dst.Type(), len(v), len(v)))
		}
		for i, e := range v {
			toGo(dst.Index(i), e)
		}
	case map[string]reading.Value:
		for name, e := range v {
			if f := goField(dst, name); f.IsValid() {
				toGo(f, e)
			}
		}
	default:
		panic(fmt.Sprintf("%T is no value of the wire", v))
	}
}

// goField finds the field of a Go struct that stands for one of the protocol; a count has none.
func goField(s reflect.Value, name string) reflect.Value {
	want := plain(name)
	for i := range s.NumField() {
		if plain(s.Type().Field(i).Name) == want {
			return s.Field(i)
		}
	}
	for i := range s.NumField() { // of a name that Go had no place for
		if plain(s.Type().Field(i).Name) == want+"field" {
			return s.Field(i)
		}
	}
	return reflect.Value{}
}

// plain is a name without what the spelling of Go and that of the protocol differ in.
func plain(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r == '_' || r == '-' {
			return -1
		}
		return r
	}, name))
}

// same says how a Go value differs from one of the wire, or nothing.
func same(got reflect.Value, want reading.Value) string {
	switch w := want.(type) {
	case nil: // it doesn't exist on this ABI
		if !got.IsZero() {
			return fmt.Sprintf("%v, want nothing", got)
		}
	case uint64:
		n := uint64(0)
		size := 64
		switch {
		case got.Kind() == reflect.Bool && got.Bool():
			n = 1
		case got.Kind() == reflect.Bool:
		case got.CanInt():
			n, size = uint64(got.Int()), got.Type().Bits()
		default:
			n, size = got.Uint(), got.Type().Bits()
		}
		if n<<(64-size) != w<<(64-size) {
			return fmt.Sprintf("%#x, want %#x", n, w)
		}
	case []byte:
		if have := goBytes(got, len(w)); !bytes.Equal(have, w) {
			return fmt.Sprintf("%q, want %q", have, w)
		}
	case []reading.Value:
		if got.Len() < len(w) || got.Len() > len(w) && got.Kind() != reflect.Array {
			return fmt.Sprintf("%d elements, want %d", got.Len(), len(w))
		}
		for i := len(w); i < got.Len(); i++ { // of an array whose count is a field of its own
			if !got.Index(i).IsZero() {
				return fmt.Sprintf("[%d]: %v, want nothing", i, got.Index(i))
			}
		}
		for i, e := range w {
			if d := same(got.Index(i), e); d != "" {
				return fmt.Sprintf("[%d]: %s", i, d)
			}
		}
	case map[string]reading.Value:
		seen := 0
		for name, e := range w {
			f := goField(got, name)
			if !f.IsValid() {
				continue
			}
			seen++
			if d := same(f, e); d != "" {
				return fmt.Sprintf(".%s: %s", name, d)
			}
		}
		if seen == 0 && got.NumField() > 0 && len(w) > 0 {
			return fmt.Sprintf("no field of %s stands for one of the protocol's", got.Type())
		}
	}
	return ""
}

// goBytes are the bytes of a string, a slice or an array.
func goBytes(v reflect.Value, n int) []byte {
	switch v.Kind() {
	case reflect.String:
		return []byte(v.String())
	case reflect.Slice:
		return v.Bytes()
	}
	out := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(out), v)
	if len(out) > n && len(bytes.TrimRight(out, "\x00")) <= n {
		return out[:n] // a string of a fixed length
	}
	return out
}
