//go:build linux

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// barWidth is how many columns a progress bar takes at most, without its text.
const barWidth = 30

// redraw is how often a progress bar is drawn at most.
const redraw = 50 * time.Millisecond

// progress draws a bar on a terminal, and nothing anywhere else. One goroutine uses it.
type progress struct {
	w     io.Writer // nil when it isn't a terminal
	drawn time.Time
	shown bool
}

// newProgress draws on w if that is a terminal.
func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		return &progress{w: w}
	}
	return &progress{}
}

// isTerminal says whether somebody may be looking.
func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil && os.Getenv("TERM") != "dumb"
}

// update shows that done of total is done.
func (p *progress) update(what string, done, total int64) {
	now := time.Now()
	if p.w == nil || total <= 0 || done < total && now.Sub(p.drawn) < redraw {
		return
	}
	p.drawn, p.shown = now, true
	done = min(max(done, 0), total)
	// The last column stays empty: some terminals go to the next line after it.
	width := int64(min(barWidth, max(columns(p.w)-len("random read/write  [] 100% "), 0)))
	full := width * done / total
	fmt.Fprintf(p.w, "\r\033[K%-18s [%s%s] %3d%%", what, strings.Repeat("=", int(full)), strings.Repeat(" ", int(width-full)), 100*done/total)
}

// clear takes the bar away, so that a line can be printed.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\033[K")
		p.shown = false
	}
}
