//go:build linux

package guest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/xenidc/idc/test/xen/internal/channel"
)

// Console runs in dom0: it shares the console of a domU among those who connect to the
// socket, and keeps what the domU's kernel printed in a log. It ends with the domU.
func Console(domid, socket, log string) error {
	path, err := consoleTTY(domid)
	if err != nil {
		return err
	}
	line, err := channel.OpenRaw(path)
	if err != nil {
		return err
	}
	defer line.Close()
	noise, err := os.Create(log)
	if err != nil {
		return err
	}
	defer noise.Close()
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	return channel.ServeHub(channel.Line{Reader: line, Writer: channel.ToConsole(line)}, l, noise)
}

// consoleTTY asks the store for the terminal that xenconsoled made for a domain.
func consoleTTY(domid string) (string, error) {
	key := "/local/domain/" + domid + "/console/tty"
	for deadline := time.Now().Add(findTimeout); ; time.Sleep(50 * time.Millisecond) {
		out, err := exec.Command("xenstore-read", key).Output()
		if path := strings.TrimSpace(string(out)); err == nil && path != "" {
			return path, nil
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("%s has no value after %s: is xenconsoled running?", key, findTimeout)
		}
	}
}

// connectTimeout bounds the wait for the socket of a console that was started just now.
const connectTimeout = 20 * time.Second

// Connect joins standard input and output to a socket of Console's.
func Connect(socket string) error {
	var conn net.Conn
	for deadline := time.Now().Add(connectTimeout); ; time.Sleep(50 * time.Millisecond) {
		var err error
		if conn, err = net.Dial("unix", socket); err == nil {
			break
		}
		if time.Now().After(deadline) {
			return err
		}
	}
	defer conn.Close()
	go func() {
		io.Copy(conn, os.Stdin)
		conn.Close()
	}()
	_, err := io.Copy(os.Stdout, conn)
	return err
}
