// Command front puts a value into the store that is called "demo", and gets it back.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/runtime/platform/host"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	d, err := host.Join(ctx, "") // the broker that IDC_PLATFORM names, or the user's own
	if err != nil {
		log.Fatal(err)
	}
	f := kv.NewFront(d, "demo")
	err1 := f.Put(ctx, "greeting", []byte("hello, world"))
	value, err2 := f.Get(ctx, "greeting")
	fmt.Printf("%q %v\n", value, errors.Join(err1, err2))
}
