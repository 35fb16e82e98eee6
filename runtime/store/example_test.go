package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"strings"
	"testing"

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

// waitConnected is the example of docs/store.md.
func waitConnected(ctx context.Context, c *store.Client) error {
	w, err := c.Watch(ctx, "device/vbd/0/state") // relative: /local/domain/<ours>/device/...
	if err != nil {
		return err
	}
	defer w.Close()
	for {
		if _, err := w.Next(ctx); err != nil {
			return err
		}
		v, err := c.Read(ctx, store.NoTx, "device/vbd/0/state")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if store.ParseState(v) == store.StateConnected {
			return nil
		}
	}
}

func TestDocumentedExample(t *testing.T) {
	doc, err := os.ReadFile("../../docs/store.md")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, snippet, _ := strings.Cut(string(doc), "```go\n")
	snippet, _, ok := strings.Cut(snippet, "```")
	words := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	if !ok || !strings.Contains(words(string(here)), words(snippet)) {
		t.Errorf("docs/store.md has an example that isn't compiled here:\n%s", snippet)
	}

	server := store.NewServer(store.Options{})
	defer server.Close()
	c := server.Local()
	defer c.Close()
	done := make(chan error, 1)
	go func() { done <- waitConnected(t.Context(), c) }()
	for s := store.StateInitialising; s <= store.StateConnected; s++ {
		if err := c.Write(t.Context(), store.NoTx, "device/vbd/0/state", s.Value()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
