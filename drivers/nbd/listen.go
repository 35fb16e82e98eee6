package nbd

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
)

// ParseAddress reads unix:PATH or tcp:HOST:PORT, as [Listen] takes it, into what
// net.Listen takes.
func ParseAddress(addr string) (network, address string, err error) {
	network, address, _ = strings.Cut(addr, ":")
	ok := address != "" && (network == "unix" || network == "tcp")
	if ok && network == "tcp" {
		_, port, err := net.SplitHostPort(address)
		ok = err == nil && port != ""
	}
	if !ok {
		return "", "", fmt.Errorf("NBD address %q: want unix:PATH or tcp:HOST:PORT", addr)
	}
	return network, address, nil
}

// Listen opens the socket that addr names: unix:PATH or tcp:HOST:PORT. A socket file
// that a dead server left is replaced; one that is in use isn't. Only its owner may
// connect to the file. Closing the listener removes it.
func Listen(addr string) (net.Listener, error) {
	network, address, err := ParseAddress(addr)
	if err != nil {
		return nil, err
	}
	if network == "unix" {
		return listenUnix(address)
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("serve NBD on %s: %w", addr, err)
	}
	return l, nil
}

func listenUnix(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if errors.Is(err, syscall.EADDRINUSE) && stale(path) {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("remove the socket that a dead NBD server left: %w", err)
		}
		l, err = net.Listen("unix", path)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("serve NBD on unix:%s: another program uses that file; choose another path: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("serve NBD on unix:%s: %w", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("serve NBD on unix:%s: %w", path, err)
	}
	return l, nil
}

// stale says whether path is a socket that nobody listens on.
func stale(path string) bool {
	if st, err := os.Lstat(path); err != nil || st.Mode().Type() != os.ModeSocket {
		return false
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		c.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// URI returns what NBD clients take to reach export name on l (uri.md in the
// NetworkBlockDevice project).
func URI(l net.Listener, name string) string {
	u := url.URL{Scheme: "nbd", Host: l.Addr().String(), Path: "/" + name}
	if l.Addr().Network() == "unix" {
		u.Scheme, u.Host = "nbd+unix", ""
		u.RawQuery = url.Values{"socket": {l.Addr().String()}}.Encode()
		return "nbd+unix:///" + url.PathEscape(name) + "?" + strings.ReplaceAll(u.RawQuery, "%2F", "/")
	}
	return u.String()
}
