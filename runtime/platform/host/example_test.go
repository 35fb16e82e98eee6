//go:build linux

package host_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
)

// upper answers with the key in capitals.
type upper struct{}

func (upper) Get(_ context.Context, req kv.GetRequest) ([]byte, error) {
	return []byte(strings.ToUpper(req.Key)), nil
}
func (upper) Put(context.Context, kv.PutRequest) error { return nil }

// Processes that join the same broker can reach each other. Here they are one, and the
// broker runs in it, too; 'idc broker' runs one by itself.
func ExampleJoin() {
	dir, err := os.MkdirTemp("", "join-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "broker.sock")
	b, err := broker.Start(socket, broker.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer b.Close()

	ctx := context.Background()
	one, err := host.Join(ctx, socket)
	if err != nil {
		log.Fatal(err)
	}
	defer one.Close()
	s := kv.Export(one, "upper", upper{})
	defer s.Close()

	other, err := host.Join(ctx, socket, host.WithName("user"))
	if err != nil {
		log.Fatal(err)
	}
	defer other.Close()
	f, err := kv.Open(ctx, other, "upper")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()
	v, err := f.Get(ctx, "hello")
	fmt.Printf("%s %v\n", v, err)
	// Output: HELLO <nil>
}
