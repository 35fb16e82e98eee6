//go:build linux

package guest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/xenidc/idc/test/xen/internal/channel"
)

// PortName is the name of the virtio-serial port that leads to dom0's agent.
const PortName = "lab"

// findTimeout bounds the wait for the line's device.
const findTimeout = 20 * time.Second

// Serve serves commands on the line that leads out of the domain, for good.
func Serve() error {
	if !isDom0() {
		// The kernel's messages go to the same console: from here on only those of a
		// dying kernel. The others are in dmesg.
		if err := os.WriteFile("/proc/sys/kernel/printk", []byte("1\n"), 0); err != nil {
			return err
		}
		line, err := channel.OpenRaw("/dev/hvc0")
		if err != nil {
			return err
		}
		return channel.Serve(channel.Line{Reader: channel.FromConsole(line), Writer: line})
	}
	line, err := openPort()
	if err != nil {
		return err
	}
	return channel.Serve(line)
}

// openPort opens the virtio-serial port, once its driver has found it.
func openPort() (*os.File, error) {
	for deadline := time.Now().Add(findTimeout); ; time.Sleep(20 * time.Millisecond) {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err == nil && string(bytes.TrimSpace(b)) == PortName {
				return os.OpenFile("/dev/"+filepath.Base(filepath.Dir(n)), os.O_RDWR, 0)
			}
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("no virtio-serial port named %q after %s; there are %q", PortName, findTimeout, names)
		}
	}
}
