//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/store"
)

type statusCmd struct{}

// Help is shown by 'idc status --help'.
func (statusCmd) Help() string {
	return `For each domain at the broker: its number, program, process and user, the services that it
announces, and what it holds in the store beside what it may. The limits are raised with
'idc broker --quota'; all domains of one user may hold four times as much together.
Only the broker's user and root are told.

Example:
  idc status`
}

// domainStatus is what is said of one domain.
type domainStatus struct {
	Domain   int             `json:"domain"`
	Name     string          `json:"name"`
	PID      int             `json:"pid"`
	User     *int            `json:"user,omitempty"`
	Services []string        `json:"services"`
	Holds    map[string]held `json:"holds"`
	order    []string
}

// held is how much of something a domain holds, and may; a limit of 0 is none.
type held struct {
	Now   int `json:"now"`
	Limit int `json:"limit"`
}

// Run prints what there is at the broker.
func (c *statusCmd) Run(e *env) error {
	if e.platform.xen {
		return errNoBroker
	}
	return e.withStore(func(ctx context.Context, s *store.Client) error {
		services, err := announced(ctx, s)
		if err != nil {
			return err
		}
		ids, err := s.List(ctx, store.NoTx, "/local/domain")
		if err != nil {
			return err
		}
		for _, id := range ids {
			d, err := domainOf(ctx, s, id)
			if errors.Is(err, syscall.ENOENT) {
				continue // it has just gone
			}
			if err != nil {
				return err
			}
			d.Services = services[id]
			e.sayDomain(d)
		}
		return nil
	})
}

// announced returns the services by the number of the domain that announces them.
func announced(ctx context.Context, s *store.Client) (map[string][]string, error) {
	names, err := s.List(ctx, store.NoTx, store.ServicesDir)
	if err != nil {
		return nil, err
	}
	by := map[string][]string{}
	for _, name := range names {
		if id, err := s.Read(ctx, store.NoTx, store.ServicesDir+"/"+name); err == nil {
			by[id] = append(by[id], name)
		}
	}
	return by, nil
}

// domainOf asks about one domain.
func domainOf(ctx context.Context, s *store.Client, id string) (d domainStatus, err error) {
	home := "/local/domain/" + id
	d.Domain, _ = strconv.Atoi(id)
	d.Name, _ = s.Read(ctx, store.NoTx, home+"/name")
	pid, _ := s.Read(ctx, store.NoTx, home+"/pid")
	d.PID, _ = strconv.Atoi(pid)
	text, err := s.Control(ctx, "usage", id)
	if err != nil {
		return d, err
	}
	d.Holds = map[string]held{}
	for line := range strings.Lines(text) {
		var name string
		var n, most int
		switch k, _ := fmt.Sscan(line, &name, &n, &most); k {
		case 3:
			d.Holds[name] = held{n, most}
			d.order = append(d.order, name)
		case 2:
			d.User = &n
		}
	}
	return d, nil
}

func (e *env) sayDomain(d domainStatus) {
	user := "?"
	if d.User != nil {
		user = strconv.Itoa(*d.User)
	}
	var holds []string
	for _, name := range d.order {
		h := d.Holds[name]
		holds = append(holds, fmt.Sprintf("%s %d/%d", name, h.Now, h.Limit))
	}
	text := fmt.Sprintf("domain %d: %s, process %d, user %s\n  %s", d.Domain, d.Name, d.PID, user, strings.Join(holds, ", "))
	if len(d.Services) > 0 {
		text += fmt.Sprintf("\n  %d services: %s", len(d.Services), strings.Join(d.Services[:min(len(d.Services), 4)], ", "))
		if len(d.Services) > 4 {
			text += ", ..."
		}
	}
	e.say(d, "%s", text)
}
