package idctest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// constant is the driver under test.
type constant string

func (c constant) Get(context.Context, kv.GetRequest) ([]byte, error) { return []byte(c), nil }
func (c constant) Put(context.Context, kv.PutRequest) error           { return nil }

// TestConstant is a test of a driver, both ends of it.
func TestConstant(t *testing.T) {
	front, back := idctest.Pair(t)
	s := kv.Export(back, "answer", constant("42"))
	defer s.Close()
	f, err := kv.Open(t.Context(), front, "answer")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if v, err := f.Get(t.Context(), "question"); string(v) != "42" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

func Example() {
	// See TestConstant, which go test runs as it runs yours.
	pass := testing.RunTests(func(string, string) (bool, error) { return true, nil },
		[]testing.InternalTest{{Name: "TestConstant", F: TestConstant}})
	fmt.Println(pass)
	// Output: true
}
