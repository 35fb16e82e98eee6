//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/xenidc/idc/drivers/blkfront"
	"github.com/xenidc/idc/generated/blk"
	"github.com/xenidc/idc/runtime/idc"
)

// demoFrontCmd is the demo's child that uses the disk. It tells its parent what
// happens, an event a line.
type demoFrontCmd struct {
	Name   string `required:""`
	Sums   string `required:"" help:"Where to write what the disk must hold."`
	Queues int    `default:"1"`
}

// event is what the child tells.
type event struct {
	Kind   string  `json:"event"` // attached, phase, progress, result, away, back, done or failed
	Phase  string  `json:"phase,omitempty"`
	Done   int64   `json:"done,omitempty"`
	Total  int64   `json:"total,omitempty"`
	Millis float64 `json:"ms,omitempty"`
	Text   string  `json:"text,omitempty"`
	Result *result `json:"result,omitempty"`
}

// teller sends events, from any goroutine.
type teller struct {
	mu  sync.Mutex
	env *env
}

func (t *teller) tell(ev event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.env.printJSON(ev)
}

// Run uses the disk, and reports success and failure alike as an event.
func (c *demoFrontCmd) Run(e *env) error {
	t := &teller{env: e}
	if err := c.use(e, t); err != nil {
		t.tell(event{Kind: "failed", Text: err.Error()})
		return err
	}
	t.tell(event{Kind: "done"})
	return nil
}

func (c *demoFrontCmd) use(e *env, t *teller) error {
	d, err := e.join("demo-front")
	if err != nil {
		return err
	}
	defer d.Close()
	var away time.Time
	l := new(load)
	front, err := blk.Open(e.ctx, d, c.Name, append(frontOptions(e, c.Queues),
		idc.OnDisconnect(func(error) { away = time.Now(); l.away.Store(true); t.tell(event{Kind: "away"}) }),
		idc.OnConnect(func() {
			if !away.IsZero() {
				t.tell(event{Kind: "back", Millis: float64(time.Since(away).Microseconds()) / 1000})
			}
		}))...)
	if err != nil {
		return err
	}
	defer front.Close()
	disk, err := blkfront.New(front)
	if err != nil {
		return err
	}
	size := disk.Info().Size
	t.tell(event{Kind: "attached", Total: size})
	l.disk, l.model, l.size = disk, newModel(size/blockSize, uint64(time.Now().UnixNano())), size
	for i, p := range demoPhases(size) {
		if err := c.phase(e.ctx, t, l, p, uint64(i)); err != nil {
			return err
		}
	}
	if err := disk.Flush(e.ctx); err != nil {
		return err
	}
	return c.save(l.model)
}

// phase runs one phase and tells how far it is.
func (c *demoFrontCmd) phase(ctx context.Context, t *teller, l *load, p phase, seed uint64) error {
	t.tell(event{Kind: "phase", Phase: p.Name, Total: p.Bytes})
	over := make(chan struct{})
	var ticking sync.WaitGroup
	ticking.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				t.tell(event{Kind: "progress", Phase: p.Name, Done: l.done.Load(), Total: p.Bytes})
			case <-over:
				return
			}
		}
	})
	r, err := l.run(ctx, p, seed)
	close(over)
	ticking.Wait()
	if err != nil {
		return err
	}
	t.tell(event{Kind: "result", Phase: p.Name, Result: &r})
	return nil
}

// save writes what the disk must hold.
func (c *demoFrontCmd) save(m *model) error {
	f, err := os.Create(c.Sums)
	if err != nil {
		return err
	}
	_, err = m.WriteTo(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("save the checksums: %w", err)
	}
	return nil
}
