//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/xenidc/idc/runtime/platform/host/broker"
	"github.com/xenidc/idc/runtime/store"
)

type brokerCmd struct {
	Socket string `placeholder:"PATH" help:"Path of the socket (default: that of --platform). PATH.domains is made beside it."`
	Mode   string `default:"0600" help:"Permissions of the socket: who may open it may join."`

	Quota  map[string]int    `placeholder:"NAME=N" help:"What a domain may hold in the store, such as watches=20000; 0 is no limit. Its user may hold four times as much in all domains."`
	Owners map[string]string `name:"owner" placeholder:"PATTERN=UID" help:"Who may serve the names that match, such as 'vbd@swap-*=1000', or 'vbd@swap-*=:GID' for a group. Root always may; other names belong to who had them first."`
}

// Help is shown by 'idc broker --help'.
func (brokerCmd) Help() string {
	return `The socket speaks the xenstore wire protocol, so that the usual tools work on it.
The broker runs until it gets SIGINT or SIGTERM. What was connected through it is
disconnected then. Disks with names are there again as soon as another broker is.

Examples:
  idc broker &
  idc broker --quota nodes=500000 --owner 'vbd@swap-*=1000'
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
	opts := broker.Options{Mode: mode, Log: e.log}
	if err := c.limits(&opts); err != nil {
		return err
	}
	b, err := broker.Start(path, opts)
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

// longestFirst orders patterns so that of several that are about a name the longest counts.
func longestFirst(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) }

// limits reads --quota and --owner.
func (c *brokerCmd) limits(o *broker.Options) error {
	o.StoreQuota = store.HostQuota()
	for name, n := range c.Quota {
		if err := o.StoreQuota.Set(name, n); err != nil {
			return usageError{err}
		}
	}
	o.UserQuota = o.StoreQuota.OfUser()
	for _, pattern := range slices.SortedFunc(maps.Keys(c.Owners), longestFirst) {
		rule := broker.NameRule{Pattern: pattern}
		who, isGroup := strings.CutPrefix(c.Owners[pattern], ":")
		id, err := strconv.ParseUint(who, 10, 32)
		if err != nil {
			return usagef("--owner %s=%s: want the number of a user, or of a group after a colon", pattern, c.Owners[pattern])
		}
		if isGroup {
			rule.Groups = []uint32{uint32(id)}
		} else {
			rule.Users = []uint32{uint32(id)}
		}
		o.Names = append(o.Names, rule)
	}
	return nil
}

// parseMode reads permissions in octal.
func parseMode(s string) (fs.FileMode, error) {
	var mode uint32
	if _, err := fmt.Sscanf(s, "%o", &mode); err != nil || mode > 0o777 {
		return 0, usagef("--mode %s: want permissions in octal, such as 0660", s)
	}
	return fs.FileMode(mode), nil
}
