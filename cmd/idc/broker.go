//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/xenidc/idc/runtime/platform/host/broker"
)

type brokerCmd struct {
	Socket string `placeholder:"PATH" help:"Path of the socket (default: that of --platform). PATH.domains is made beside it."`
	Mode   string `default:"0600" help:"Permissions of the socket: who may open it may join."`
}

// Help is shown by 'idc broker --help'.
func (brokerCmd) Help() string {
	return `The socket speaks the xenstore wire protocol, so that the usual tools work on it.
The broker runs until it gets SIGINT or SIGTERM. What was connected through it is
disconnected then, and 'idc blk serve' and 'idc blk attach' end: start them after it again.

Examples:
  idc broker &
  idc broker --socket /run/idc.sock
  XENSTORED_PATH=/run/idc.sock xenstore-ls`
}

// Run runs the broker until the command is told to end.
func (c *brokerCmd) Run(e *env) error {
	path := c.Socket
	if path == "" {
		var err error
		if path, err = e.platform.socket(); err != nil {
			return err
		}
	}
	mode, err := parseMode(c.Mode)
	if err != nil {
		return err
	}
	b, err := broker.Start(path, broker.Options{Mode: mode, Log: e.log})
	switch {
	case errors.Is(err, broker.ErrRunning):
		return fmt.Errorf("%w; use it with --platform host:%s, or choose another --socket", err, path)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w; make the directory %s first", err, filepath.Dir(path))
	case err != nil:
		return err
	}
	e.say(map[string]any{"event": "listening", "socket": path}, "broker listening on %s", path)
	<-e.ctx.Done()
	return b.Close()
}

// parseMode reads permissions in octal.
func parseMode(s string) (fs.FileMode, error) {
	var mode uint32
	if _, err := fmt.Sscanf(s, "%o", &mode); err != nil || mode > 0o777 {
		return 0, usagef("--mode %s: want permissions in octal, such as 0660", s)
	}
	return fs.FileMode(mode), nil
}
