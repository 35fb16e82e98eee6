//go:build linux

package guest

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// daemons is what makes a Linux a dom0, in this order.
var daemons = [][]string{
	{"xenstored"},
	{"xen-init-dom0"},
	{"xenconsoled", "--log=none"},
}

func startDaemons() error {
	if err := unix.Mount("xenfs", "/proc/xen", "xenfs", 0, ""); err != nil {
		return fmt.Errorf("mount /proc/xen: %w", err)
	}
	for _, d := range daemons {
		began := time.Now()
		if err := run(d...); err != nil {
			return err
		}
		fmt.Printf("lab: %s took %.1f s\n", d[0], time.Since(began).Seconds())
	}
	// What the hypervisor says from here on is about the tests.
	if err := run("sh", "-c", "xl dmesg -c >/run/lab/xen-boot.log"); err != nil {
		return err
	}
	return os.WriteFile("/proc/sys/kernel/printk", []byte("1\n"), 0)
}
