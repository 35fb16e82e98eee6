//go:build linux

package broker

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A cause of one user is logged logBurst times, then counted, and said again with the
// count once logPause has passed: a client can't fill the log.
const (
	logBurst = 10
	logPause = time.Minute
	logKeys  = 1024 // causes that are told apart
)

// logger says each cause once, then counts, per user.
type logger struct {
	to     *slog.Logger
	mu     sync.Mutex
	causes map[cause]*said
}

type cause struct {
	what string
	uid  uint32
}

// said is how often a cause was said since a time, and not said.
type said struct {
	since        time.Time
	times, quiet int
}

func newLogger(to *slog.Logger) *logger { return &logger{to: to, causes: map[cause]*said{}} }

// note logs what a client did that it shouldn't, or couldn't have.
func (l *logger) note(w who, what string, args ...any) { l.say(slog.LevelWarn, w, what, args) }

// event logs what a client did.
func (l *logger) event(w who, what string, args ...any) { l.say(slog.LevelInfo, w, what, args) }

// detail logs what is of interest to who looks for something.
func (l *logger) detail(w who, what string, args ...any) { l.say(slog.LevelDebug, w, what, args) }

// problem logs what went wrong in the broker itself.
func (l *logger) problem(what string, err error) {
	l.say(slog.LevelError, who{}, what, []any{"err", err})
}

func (l *logger) say(level slog.Level, w who, what string, args []any) {
	ctx := context.Background()
	if !l.to.Enabled(ctx, level) {
		return
	}
	quiet, ok := l.may(cause{what, w.uid})
	if !ok {
		return
	}
	if level != slog.LevelError {
		args = append(args, "pid", w.pid, "uid", w.uid)
	}
	if quiet > 0 {
		args = append(args, "unsaid", quiet)
	}
	l.to.Log(ctx, level, what, args...)
}

// may reports whether a cause may be said now, and how often it wasn't before.
func (l *logger) may(c cause) (quiet int, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.causes[c]
	if s == nil {
		if len(l.causes) >= logKeys {
			clear(l.causes)
		}
		s = &said{since: time.Now()}
		l.causes[c] = s
	}
	if time.Since(s.since) > logPause {
		quiet, s.quiet, s.times, s.since = s.quiet, 0, 0, time.Now()
	}
	if s.times++; s.times > logBurst {
		s.quiet++
		return 0, false
	}
	return quiet, true
}
