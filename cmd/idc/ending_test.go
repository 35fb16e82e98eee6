//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/platform/host/broker"
)

// What is left of an error when the command was told to end.
func TestUnlessAsked(t *testing.T) {
	lost := errors.New("lost data")
	for _, tc := range []struct{ err, want error }{
		{nil, nil},
		{context.Canceled, nil},
		{fmt.Errorf("read the state: %w", context.Canceled), nil},
		{errors.Join(fmt.Errorf("%w: %w", io.EOF, context.Canceled), context.Canceled), nil},
		{lost, lost},
		{errors.Join(context.Canceled, lost), lost},
		{errors.Join(errors.Join(context.Canceled, lost), context.Canceled), lost},
	} {
		ctx, cancel := context.WithCancel(context.Background())
		e := &env{ctx: ctx}
		if got := e.unlessAsked(tc.err); fmt.Sprint(got) != fmt.Sprint(tc.err) {
			t.Errorf("%v became %v although nobody asked", tc.err, got)
		}
		cancel()
		if got := e.unlessAsked(tc.err); fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%v became %v, want %v", tc.err, got, tc.want)
		}
	}
}

// A signal within the start of a server is one to end it, too.
func TestSignalDuringStart(t *testing.T) {
	// The command hears signals no more when it has heard one; then they would end the test.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	defer signal.Stop(signals)
	testenv.Leaks(t)
	socket := filepath.Join(t.TempDir(), "broker.sock")
	b, err := broker.Start(socket, broker.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	// Nobody serves the disk that it waits for.
	over := make(chan int, 1)
	go func() {
		over <- run([]string{"--platform=host:" + socket, "blk", "attach", "--name=x", "--wait=1h", "--nbd=unix:" + filepath.Join(t.TempDir(), "nbd")}, io.Discard, io.Discard)
	}()
	for end := time.Now().Add(20 * time.Second); ; {
		select {
		case code := <-over:
			if code != exitOK {
				t.Errorf("exit code %d", code)
			}
			return
		case <-time.After(20 * time.Millisecond):
			if time.Now().After(end) {
				t.Fatal("it goes on")
			}
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
		}
	}
}
