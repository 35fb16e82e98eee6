package store_test

import (
	"context"
	"fmt"
	"log"

	"github.com/xenidc/idc/runtime/store"
)

func Example() {
	server := store.NewServer(store.Options{})
	defer server.Close()
	c := server.Local()
	defer c.Close()
	ctx := context.Background()

	w, err := c.Watch(ctx, "device/vbd/0/state") // relative: /local/domain/<ours>/device/...
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range []store.State{store.StateInitialising, store.StateConnected} {
		if err := c.Write(ctx, store.NoTx, "device/vbd/0/state", s.Value()); err != nil {
			log.Fatal(err)
		}
		if _, err := w.Next(ctx); err != nil {
			log.Fatal(err)
		}
		v, err := c.Read(ctx, store.NoTx, "device/vbd/0/state")
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(store.ParseState(v))
	}
	// Output:
	// Initialising
	// Connected
}

func ExampleClient_Transaction() {
	server := store.NewServer(store.Options{})
	defer server.Close()
	c := server.Local()
	defer c.Close()
	ctx := context.Background()

	err := c.Transaction(ctx, func(tx store.Tx) error {
		if err := c.Write(ctx, tx, "/vm/1/name", "first"); err != nil {
			return err
		}
		return c.SetPerms(ctx, tx, "/vm/1/name", store.Perm{Dom: 0}, store.Perm{Dom: 1, Rights: store.PermRead})
	})
	perms, _ := c.Perms(ctx, store.NoTx, "/vm/1/name")
	fmt.Println(perms, err)
	// Output: [n0 r1] <nil>
}
