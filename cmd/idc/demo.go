//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/xenidc/idc/runtime/platform/host/broker"
)

// quietTime is how long the demo may be without any progress.
const quietTime = time.Minute

// The demo's disk, in bytes: each block needs 8 bytes of memory.
const (
	leastDemo = 1 << 20
	mostDemo  = 64 << 30
)

type demoCmd struct {
	Image  string `placeholder:"FILE" type:"path" help:"Disk image to use, and to leave there. It is made if it isn't there. All of it is overwritten."`
	Size   size   `default:"256M" help:"Size of the disk if it is made."`
	Force  bool   `help:"Overwrite an image that holds something."`
	Queues int    `default:"1" help:"Rings between the two processes."`
}

// Help is shown by 'idc demo --help'.
func (demoCmd) Help() string {
	return `It starts a broker, serves the image from one child process and attaches it in another, which
writes and reads all of it with sequential and random requests. In the middle, with requests in
flight, the server is killed with SIGKILL and started again. In the end every block is compared
with what was written, through the ring and in the image. Exit status 1 if one byte differs.

Examples:
  idc demo
  idc demo --size 1G
  idc demo --image /dev/shm/disk.img --json`
}

// demo is a demo under way. The main goroutine runs it.
type demo struct {
	*env
	cmd     *demoCmd
	dir     string // of ours, removed at the end
	image   string
	sums    string
	size    int64
	socket  string
	back    *child
	front   *child
	bar     *progress
	width   int   // of standard output, in columns
	far     int64 // a number that changes when something moves
	report  demoReport
	pending []string // phases in which the back end is still to be killed
}

// demoReport is the result of a demo, printed with --json.
type demoReport struct {
	OK      bool     `json:"ok"`
	Image   string   `json:"image"`
	Size    int64    `json:"size"`
	Blocks  int64    `json:"blocks"`
	Phases  []result `json:"phases"`
	Kills   []kill   `json:"kills"`
	Seconds float64  `json:"seconds"`
	Error   string   `json:"error,omitempty"`
}

// kill is one killing of the back end.
type kill struct {
	Phase  string  `json:"phase"`
	Killed int     `json:"killed_pid"`
	Pid    int     `json:"new_pid"`
	Pause  float64 `json:"pause_ms"` // until the front end was connected again
}

// Run runs the demo.
func (c *demoCmd) Run(e *env) error {
	if err := firstOf(c.checkSize(int64(c.Size)), inRange("queues", c.Queues, 1, mostQueues)); err != nil {
		return usageError{err}
	}
	runtime.LockOSThread() // see startChild
	defer runtime.UnlockOSThread()
	var stop context.CancelCauseFunc
	e.ctx, stop = context.WithCancelCause(e.ctx)
	defer stop(nil)
	e.unread = stop
	d := &demo{env: e, cmd: c, bar: newProgress(e.stderr), width: columns(e.stdout), pending: killPhases()}
	start := time.Now()
	err := d.run()
	d.bar.clear()
	d.report.Seconds = time.Since(start).Seconds()
	if d.report.OK = err == nil; err != nil {
		d.report.Error = oneLine(err)
	}
	if e.json {
		e.printJSON(d.report)
	} else if err == nil {
		d.tell("")
		d.prose("All %d blocks hold what was written last, read through the ring and from the image. %.1f s in all.", d.report.Blocks, d.report.Seconds)
	}
	if err != nil {
		return fmt.Errorf("the demo failed: %w", err)
	}
	return nil
}

// checkSize refuses a size that the demo can't do.
func (c *demoCmd) checkSize(n int64) error {
	if n < leastDemo || n > mostDemo || n%blockSize != 0 {
		return fmt.Errorf("a disk of %d bytes: the demo takes a multiple of %d, from %s to %s", n, blockSize, size(leastDemo), size(mostDemo))
	}
	return nil
}

// run does all, and cleans up however it goes.
func (d *demo) run() (err error) {
	if d.dir, err = demoDir(); err != nil {
		return err
	}
	defer os.RemoveAll(d.dir)
	if err := d.prepareImage(); err != nil {
		return err
	}
	d.socket, d.sums = filepath.Join(d.dir, "broker.sock"), filepath.Join(d.dir, "sums")
	b, err := broker.Start(d.socket, broker.Options{Log: d.log})
	if err != nil {
		return err
	}
	defer b.Close()
	defer d.killAll()
	if err := d.startBoth(); err != nil {
		return d.full(err)
	}
	d.introduce()
	if err := d.follow(); err != nil {
		return d.full(err)
	}
	if err := errors.Join(d.front.stop(), d.back.stop()); err != nil {
		return d.full(err)
	}
	return d.checkImage()
}

// holdsData says whether a file is more than one hole.
func holdsData(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	_, err = f.Seek(0, unix.SEEK_DATA)
	return !errors.Is(err, unix.ENXIO)
}

// startBoth starts the process that serves and the one that uses the disk.
func (d *demo) startBoth() error {
	if err := d.startBack(); err != nil {
		return err
	}
	var err error
	d.front, err = startChild("front end", d.childArgs("demo-front", "--name=demo", "--sums="+d.sums)...)
	if err != nil {
		return err
	}
	var ev event
	if err := d.front.expect(&ev, 30*time.Second); err != nil {
		return err
	}
	if ev.Kind != "attached" || ev.Total != d.size {
		return fmt.Errorf("the front end found a disk of %d bytes, not %d: %s", ev.Total, d.size, ev.Text)
	}
	return nil
}

// startBack starts the process that serves, and waits until it does.
func (d *demo) startBack() (err error) {
	d.back, err = startChild("back end", d.childArgs("blk", "serve", "--name=demo", d.image)...)
	if err != nil {
		return err
	}
	var ready serving
	return d.back.expect(&ready, 30*time.Second)
}

func (d *demo) childArgs(args ...string) []string {
	return append([]string{"--json", "--platform=host:" + d.socket}, append(args, fmt.Sprintf("--queues=%d", d.cmd.Queues))...)
}

func (d *demo) killAll() {
	for _, c := range []*child{d.front, d.back} {
		if c != nil {
			c.kill()
		}
	}
}

// follow listens to the front end until it is done.
func (d *demo) follow() error {
	quiet := time.NewTimer(quietTime)
	defer quiet.Stop()
	for far := int64(-1); ; {
		select {
		case line, ok := <-d.front.lines:
			if !ok {
				<-d.front.ended
				return d.front.failure()
			}
			if done, err := d.hear(line); done || err != nil {
				return err
			}
			if d.far != far {
				far = d.far
				quiet.Reset(quietTime)
			}
		case <-d.back.ended:
			return d.back.failure()
		case <-d.ctx.Done():
			return d.interrupted()
		case <-quiet.C:
			return fmt.Errorf("nothing has moved for %v", quietTime)
		}
	}
}

// interrupted says why the demo doesn't go on.
func (d *demo) interrupted() error {
	if cause := context.Cause(d.ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return errors.New("interrupted")
}

// checkImage compares the image, as a file, with what the front end wrote.
func (d *demo) checkImage() error {
	f, err := os.Open(d.sums)
	if err != nil {
		return err
	}
	defer f.Close()
	m := newModel(d.size/blockSize, 0)
	if _, err := m.ReadFrom(f); err != nil {
		return fmt.Errorf("read the checksums: %w", err)
	}
	img, err := os.Open(d.image)
	if err != nil {
		return err
	}
	defer img.Close()
	buf := make([]byte, 256*blockSize)
	for at := int64(0); at < d.size; {
		p := buf[:min(int64(len(buf)), d.size-at)]
		if _, err := io.ReadFull(img, p); err != nil {
			return fmt.Errorf("read the image: %w", err)
		}
		if err := m.verify(at/blockSize, p); err != nil {
			return fmt.Errorf("the image differs from what was written: %w", err)
		}
		if at += int64(len(p)); d.ctx.Err() != nil {
			return d.interrupted()
		}
		d.bar.update("checking the image", at, d.size)
	}
	return nil
}
