// Command front copies its standard input to the shelf, or a blob from there to its
// standard output: front put NAME, front get NAME.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/xenidc/idc/examples/blobs"
	"github.com/xenidc/idc/runtime/platform/host"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: front put|get NAME")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := run(ctx, os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, what, name string) error {
	d, err := host.Join(ctx, "")
	if err != nil {
		return err
	}
	defer d.Close()
	f, err := blobs.Open(ctx, d, "shelf")
	if err != nil {
		return err // it says what is missing: no back end has that name, for example
	}
	defer f.Close()
	switch what {
	case "put":
		data, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		return f.Put(ctx, name, data)
	case "get":
		return get(ctx, f, name, os.Stdout)
	}
	return fmt.Errorf("%s: want put or get", what)
}

// get reads a blob in pieces, through memory that the back end writes to directly.
func get(ctx context.Context, f *blobs.Front, name string, w io.Writer) error {
	shared, err := f.Alloc(64 << 10)
	if err != nil {
		return err
	}
	defer shared.Free()
	for at := uint64(0); ; {
		r, err := f.Get(ctx, name, at, shared.Bytes())
		if errors.Is(err, blobs.ErrNotFound) {
			return fmt.Errorf("there is no blob %q", name)
		}
		if err != nil {
			return err
		}
		if _, err := w.Write(shared.Bytes()[:r.Length]); err != nil {
			return err
		}
		if at += uint64(r.Length); at >= r.Size || r.Length == 0 {
			return nil
		}
	}
}
