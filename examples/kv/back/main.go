// Command back serves a key-value store under the name "demo", in memory.
package main

import (
	"bytes"
	"context"
	"log"
	"sync"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/runtime/platform/host"
)

type store struct{ sync.Map }

func (s *store) Get(_ context.Context, req kv.GetRequest) ([]byte, error) {
	v, _ := s.Load(req.Key)
	b, _ := v.([]byte)
	return b, nil
}

func (s *store) Put(_ context.Context, req kv.PutRequest) error {
	s.Store(req.Key, bytes.Clone(req.Value))
	return nil
}

func main() {
	d, err := host.Join(context.Background(), "")
	if err == nil {
		err = kv.Serve(context.Background(), d, "demo", new(store))
	}
	log.Fatal(err)
}
