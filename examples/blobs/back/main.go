// Command back serves a store of blobs under the name "shelf" until it is interrupted.
package main

import (
	"context"
	"log"
	"log/slog"
	"os/signal"
	"syscall"

	"github.com/xenidc/idc/examples/blobs"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/host"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	d, err := host.Join(ctx, "") // at the broker that IDC_PLATFORM names, else the user's own
	if err != nil {
		log.Fatal(err)
	}
	defer d.Close()
	store := &blobs.Store{Most: 64 << 20}
	if err := blobs.Serve(ctx, d, "shelf", store, idc.Logger(slog.Default())); err != nil {
		log.Fatal(err)
	}
}
