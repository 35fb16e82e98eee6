package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// maxListing is the most bytes of names that List collects. A server whose directory
// never ends would grow us without bound.
const maxListing = 16 << 20

// onPath makes a request about one path. rest follows the path and its NUL.
func (c *Client) onPath(ctx context.Context, typ Type, tx Tx, path string, rest ...string) (string, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return "", &Error{typ, path, syscall.EINVAL}
	}
	return c.do(ctx, typ, tx, path, nil, append([]string{path, "\x00"}, rest...)...)
}

// Read returns a node's value. A path that doesn't start with a slash is relative to
// our own domain's subtree, here and in all other calls.
func (c *Client) Read(ctx context.Context, tx Tx, path string) (string, error) {
	return c.onPath(ctx, TypeRead, tx, path)
}

// Write gives a node a value, and makes it and the nodes above it where they aren't.
// The value may hold any bytes.
func (c *Client) Write(ctx context.Context, tx Tx, path, value string) error {
	_, err := c.onPath(ctx, TypeWrite, tx, path, value)
	return err
}

// Mkdir makes an empty node, and the nodes above it where they aren't. It does nothing
// when the node exists.
func (c *Client) Mkdir(ctx context.Context, tx Tx, path string) error {
	_, err := c.onPath(ctx, TypeMkdir, tx, path)
	return err
}

// Remove removes a node and all below it. It succeeds when the node isn't there but
// its parent is.
func (c *Client) Remove(ctx context.Context, tx Tx, path string) error {
	_, err := c.onPath(ctx, TypeRm, tx, path)
	return err
}

// Exists says whether a node exists and may be read by us.
func (c *Client) Exists(ctx context.Context, tx Tx, path string) (bool, error) {
	_, err := c.Read(ctx, tx, path)
	if errors.Is(err, syscall.ENOENT) {
		return false, nil
	}
	return err == nil, err
}

// List returns the names of a node's children, in the order of their making. A list
// too long for one message is read in parts, again from the start when it changed
// meanwhile.
func (c *Client) List(ctx context.Context, tx Tx, path string) ([]string, error) {
	data, err := c.onPath(ctx, TypeDirectory, tx, path)
	if errors.Is(err, syscall.E2BIG) {
		data, err = c.listParts(ctx, tx, path)
	}
	if err != nil {
		return nil, err
	}
	names, ok := splitStrings([]byte(data))
	if !ok {
		return nil, fmt.Errorf("%w: list of %s has no end", ErrProtocol, path)
	}
	return names, nil
}

// listParts collects the names of a long directory, each ended by a NUL
// (DIRECTORY_PART, docs/misc/xenstore.txt).
func (c *Client) listParts(ctx context.Context, tx Tx, path string) (string, error) {
	var names strings.Builder
	generation := ""
	for {
		part, err := c.onPath(ctx, TypeDirectoryPart, tx, path, strconv.Itoa(names.Len()), "\x00")
		if err != nil {
			return "", err
		}
		gen, list, ok := strings.Cut(part, "\x00")
		if !ok || list == "" {
			return "", fmt.Errorf("%w: empty part in the list of %s", ErrProtocol, path)
		}
		if gen != generation && generation != "" {
			names.Reset()
			generation = ""
			continue
		}
		generation = gen
		if list == "\x00" {
			return names.String(), nil
		}
		// An empty name tells the end.
		if whole, last := strings.CutSuffix(list, "\x00\x00"); last {
			return names.String() + whole + "\x00", nil
		}
		names.WriteString(list)
		if names.Len() > maxListing {
			return "", fmt.Errorf("%w: list of %s exceeds %d bytes", ErrProtocol, path, maxListing)
		}
	}
}

// Perms returns a node's permissions, the owner first.
func (c *Client) Perms(ctx context.Context, tx Tx, path string) ([]Perm, error) {
	data, err := c.onPath(ctx, TypeGetPerms, tx, path)
	if err != nil {
		return nil, err
	}
	list, ok := splitStrings([]byte(data))
	if !ok {
		return nil, fmt.Errorf("%w: permissions of %s have no end", ErrProtocol, path)
	}
	perms, err := parsePerms(list)
	if err != nil {
		return nil, fmt.Errorf("%w: permissions of %s: %w", ErrProtocol, path, err)
	}
	return perms, nil
}

// SetPerms replaces a node's permissions. The first names the owner and what domains
// that aren't in the list may do. Only the owner and privileged domains may call it,
// and only the latter may change the owner.
func (c *Client) SetPerms(ctx context.Context, tx Tx, path string, perms ...Perm) error {
	_, err := c.onPath(ctx, TypeSetPerms, tx, path, string(appendPerms(nil, perms)))
	return err
}

// onDomain makes a request about a domain.
func (c *Client) onDomain(ctx context.Context, typ Type, dom platform.DomID, more ...uint64) (string, error) {
	parts := []string{strconv.Itoa(int(dom)), "\x00"}
	for _, n := range more {
		parts = append(parts, strconv.FormatUint(n, 10), "\x00")
	}
	return c.do(ctx, typ, NoTx, "", nil, parts...)
}

// DomainPath asks for the path of a domain's subtree. The domain need not exist.
func (c *Client) DomainPath(ctx context.Context, dom platform.DomID) (string, error) {
	data, err := c.onDomain(ctx, TypeGetDomainPath, dom)
	return trimNUL(data), err
}

// IsIntroduced says whether the store knows a domain.
func (c *Client) IsIntroduced(ctx context.Context, dom platform.DomID) (bool, error) {
	data, err := c.onDomain(ctx, TypeIsDomainIntroduced, dom)
	return trimNUL(data) == "T", err
}

// Introduce tells the store of a domain, its ring page and its event channel, and
// fires @introduceDomain. Only for privileged domains. Server ignores page and port.
func (c *Client) Introduce(ctx context.Context, dom platform.DomID, page uint64, port platform.Port) error {
	_, err := c.onDomain(ctx, TypeIntroduce, dom, page, uint64(port))
	return err
}

// Release tells the store that a domain has ended, and fires @releaseDomain. Only for
// privileged domains.
func (c *Client) Release(ctx context.Context, dom platform.DomID) error {
	_, err := c.onDomain(ctx, TypeRelease, dom)
	return err
}

// SetTarget lets dom act with the permissions of target, too. Only for privileged
// domains.
func (c *Client) SetTarget(ctx context.Context, dom, target platform.DomID) error {
	_, err := c.onDomain(ctx, TypeSetTarget, dom, uint64(target))
	return err
}

// ResetWatches ends all of our watches and aborts all of our transactions.
func (c *Client) ResetWatches(ctx context.Context) error {
	if _, err := c.do(ctx, TypeResetWatches, NoTx, "", nil, "\x00"); err != nil {
		return err
	}
	c.mu.Lock()
	watches := c.watches
	c.watches = map[string]*Watch{}
	c.mu.Unlock()
	for _, w := range watches {
		w.end(ErrClosed)
	}
	return nil
}

// Control sends a command to the store's daemon, such as "help". Only for privileged
// domains.
func (c *Client) Control(ctx context.Context, args ...string) (string, error) {
	data, err := c.do(ctx, TypeControl, NoTx, "", nil, strings.Join(args, "\x00")+"\x00")
	return trimNUL(data), err
}
