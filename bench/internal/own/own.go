// Package own does the same through generated stubs, between two processes of the
// host platform.
package own

import (
	"context"
	"path/filepath"
	"time"

	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/host"
	"github.com/xenidc/idc/runtime/platform/host/broker"
)

// name is what every service is called: each has a broker of its own.
const name = "bench"

// back joins a broker of our own in dir, as the one who serves.
func back(ctx context.Context, dir string) (*host.Domain, error) {
	return host.Embed(ctx, socket(dir), broker.Options{})
}

// serve joins a broker of our own in dir and runs a service there until it ends.
func serve(ctx context.Context, dir string, ready func(), run func(idc.Domain) error) error {
	d, err := back(ctx, dir)
	if err != nil {
		return err
	}
	defer d.Close()
	ready()
	return run(d)
}

// front joins the same as the one who uses.
func front(ctx context.Context, dir string) (*host.Domain, error) {
	return host.Join(ctx, socket(dir))
}

func socket(dir string) string { return filepath.Join(dir, "broker") }

// waiting is a way to wait for the other side.
type waiting struct {
	name        string
	front, back []idc.Option
	polled      bool
}

// The ways to wait. A back end that is to poll does so for as long as no run makes
// it wait; the front end of that row asks for no events.
var (
	polled   = waiting{"xenidc, polled", []idc.Option{idc.Polled()}, []idc.Option{idc.Spin(50 * time.Millisecond)}, true}
	spinning = waiting{"xenidc", nil, nil, false}
	sleeping = waiting{"xenidc, sleeping at once", []idc.Option{idc.Spin(-1)}, []idc.Option{idc.Spin(-1)}, false}

	waitings = []waiting{polled, spinning, sleeping}
)
