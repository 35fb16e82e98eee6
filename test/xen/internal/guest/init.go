//go:build linux

package guest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Init does what the first process does. It never returns.
func Init() {
	began := time.Now()
	go seed()
	if err := setUp(); err != nil {
		fmt.Println("lab: setting up failed:", err)
		powerOff()
	}
	fmt.Printf("lab: ready after %.1f s\n", time.Since(began).Seconds())
	serve := exec.Command("/proc/self/exe", "serve")
	serve.Stdout, serve.Stderr = os.Stdout, os.Stderr
	if err := serve.Start(); err != nil {
		fmt.Println("lab:", err)
		powerOff()
	}
	for {
		pid, err := unix.Wait4(-1, nil, 0, nil)
		if err == unix.EINTR {
			continue
		}
		if err != nil || pid == serve.Process.Pid {
			fmt.Println("lab: the agent ended; powering off")
			powerOff()
		}
	}
}

// seed has the kernel gather randomness, which an emulated machine has no source of
// but its timer's jitter. The kernel only begins when somebody waits for it, for a second;
// mkfs doesn't, and sleeps four while there is none.
func seed() {
	var b [1]byte
	if _, err := unix.Getrandom(b[:], 0); err != nil {
		fmt.Println("lab: no randomness:", err)
	}
}

func powerOff() {
	unix.Sync()
	unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// setUp brings the domain to where commands can run.
func setUp() error {
	os.Setenv("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/xen-4.17/bin")
	os.Setenv("HOME", "/root")
	os.Setenv("TERM", "linux")
	if err := mountAll(); err != nil {
		return err
	}
	dom0 := isDom0()
	list := "domu"
	if dom0 {
		list = "dom0"
	}
	if err := loadModules("/lab/modules." + list); err != nil {
		return err
	}
	if err := run("ifconfig", "lo", "127.0.0.1", "up"); err != nil {
		return err
	}
	if dom0 {
		return startDaemons()
	}
	return nil
}

// mount is a file system that every Linux needs.
type mount struct{ kind, at, data string }

var mounts = []mount{
	{"proc", "/proc", ""},
	{"sysfs", "/sys", ""},
	{"devtmpfs", "/dev", ""},
	{"devpts", "/dev/pts", "mode=620,ptmxmode=666"},
	{"tmpfs", "/dev/shm", ""},
	{"tmpfs", "/run", "mode=755"},
	{"tmpfs", "/tmp", ""},
	{"debugfs", "/sys/kernel/debug", ""},
}

func mountAll() error {
	for _, m := range mounts {
		if err := os.MkdirAll(m.at, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(m.kind, m.at, m.kind, 0, m.data); err != nil && err != unix.EBUSY {
			return fmt.Errorf("mount %s: %w", m.at, err)
		}
	}
	for _, d := range []string{"/run/lab", "/run/xen", "/run/xenstored", "/var/log/xen", "/var/lib/xen", "/var/lock", "/root", "/mnt"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// isDom0 asks the hypervisor who we are: /proc/xen isn't there yet.
func isDom0() bool {
	b, err := os.ReadFile("/sys/hypervisor/properties/features")
	if err == nil {
		// Bit 11 of the features is XENFEAT_dom0 (public/features.h).
		var bits uint64
		if _, err := fmt.Sscanf(strings.TrimSpace(string(b)), "%x", &bits); err == nil {
			return bits&(1<<11) != 0
		}
	}
	return false
}

func run(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}
