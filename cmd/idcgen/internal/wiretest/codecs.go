package wiretest

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/xenidc/idc/cmd/idcgen/internal/reading"
)

// codecs compares the codecs of a package that has no stubs: its structs alone, each on each ABI.
func codecs(t *testing.T, l *reading.Layout, s Stubs, rng *rand.Rand) {
	names, _ := l.Spoken()
	for _, p := range s.Types {
		v := reflect.ValueOf(p)
		put, get := v.MethodByName("Put"), v.MethodByName("Get")
		if !put.IsValid() || !get.IsValid() {
			continue
		}
		for i, abi := range names {
			number := reflect.ValueOf(i)
			if a, ok := s.ABIs[abi]; ok {
				number = reflect.ValueOf(a)
			}
			r := record(l, v.Elem().Type().Name(), abi)
			if r == nil {
				t.Errorf("no record of the layout is called %s", v.Elem().Type())
				break
			}
			for range rounds {
				codec(t, l, v, put, get, r, abi, number, rng)
			}
		}
	}
}

// record finds the record that a type stands for, whose name may end in Type if Go had no place for it.
func record(l *reading.Layout, name, abi string) *reading.Record {
	for _, ending := range []string{"", "type"} {
		for i := range l.Records {
			r := &l.Records[i]
			if r.ABI == abi && r.Kind != "union" && plain(r.Name)+ending == plain(name) {
				return r
			}
		}
	}
	return nil
}

func codec(t *testing.T, l *reading.Layout, v, put, get reflect.Value, r *reading.Record, abi string, number reflect.Value, rng *rand.Rand) {
	value, want, err := l.Any(rng, r.Name, abi)
	if err != nil {
		t.Fatal(err)
	}
	v.Elem().SetZero()
	toGo(v.Elem(), value)
	b := make([]byte, len(want))
	args := []reflect.Value{reflect.ValueOf(b)}
	if put.Type().NumIn() == 2 {
		args = append(args, number.Convert(put.Type().In(1)))
	}
	put.Call(args)
	if d := reading.Differ(b, want); d != "" {
		t.Errorf("%s on %s is encoded otherwise, %s", r.Name, abi, d)
	}
	v.Elem().SetZero()
	args[0] = reflect.ValueOf(want)
	if out := get.Call(args); len(out) == 1 && !out[0].Bool() {
		t.Errorf("%s on %s is refused: %x", r.Name, abi, want)
		return
	}
	if d := same(v.Elem(), value); d != "" {
		t.Errorf("%s on %s is decoded with %s", r.Name, abi, d)
	}
}
