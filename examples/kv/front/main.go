// Command front puts a value into the store that is called "demo", and gets it back.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/runtime/platform/host"
)

func main() {
	d, err := host.Join(context.Background(), "")
	if err != nil {
		log.Fatal(err)
	}
	f := kv.NewFront(d, "demo")
	defer f.Close()
	err1 := f.Put(context.Background(), "greeting", []byte("hello, world"))
	value, err2 := f.Get(context.Background(), "greeting")
	fmt.Printf("%q %v\n", value, errors.Join(err1, err2))
}
