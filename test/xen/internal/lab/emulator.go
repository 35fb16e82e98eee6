package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/xenidc/idc/test/xen/internal/channel"
	"github.com/xenidc/idc/test/xen/internal/guest"
	"github.com/xenidc/idc/test/xen/internal/image"
)

// The files in a machine's directory.
const (
	socketName  = "lab.sock"   // a hub: connect to run commands in dom0
	lineName    = "line.sock"  // QEMU's end of the virtio-serial port
	serialName  = "serial.log" // the hypervisor, and dom0's kernel
	monitorName = "qmp.sock"   // QEMU's monitor
)

// bootTimeout bounds the time from QEMU's start to dom0's hello.
const bootTimeout = 3 * time.Minute

// emulator is QEMU, with Xen in it.
type emulator struct {
	dir    string
	cancel context.CancelFunc
	// exited is closed when QEMU is gone, err is why.
	exited chan struct{}
	err    error
	hub    chan error
}

// kernelOptions are of all Linux kernels here. Most of them save time in an emulator, which
// doesn't speculate and is slow at testing ciphers.
const kernelOptions = "quiet panic=1 rdinit=/init mitigations=off cryptomgr.notests rcupdate.rcu_expedited=1"

// qemuArgs is the machine that was found to work: other processors that QEMU 7.2
// offers crash dom0's kernel at its first page fault.
func qemuArgs(im image.Images, dom0Image, dir string) []string {
	comma := func(s string) string { return strings.ReplaceAll(s, ",", ",,") }
	xen := "console=com1 com1=115200,8n1 dom0_mem=1536M,max:1536M dom0_max_vcpus=2 loglvl=warning guest_loglvl=warning spec-ctrl=no " +
		os.Getenv("IDC_LAB_XEN")
	linux := "console=hvc0 " + kernelOptions
	return []string{
		"-machine", "q35", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "4096", "-cpu", "qemu64,+npt",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "file:" + comma(filepath.Join(dir, serialName)),
		"-qmp", "unix:" + comma(filepath.Join(dir, monitorName)) + ",server=on,wait=off",
		"-kernel", im.Xen, "-append", strings.TrimSpace(xen),
		"-initrd", comma(im.Kernel) + " " + comma(linux) + "," + comma(dom0Image),
		"-chardev", "socket,id=line,path=" + comma(filepath.Join(dir, lineName)),
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=line,name=" + guest.PortName,
	}
}

// boot starts a machine with its files in dir, and returns when dom0 takes commands.
// It lives until stop, and never longer than this process.
func boot(ctx context.Context, dir string, progress func(string)) (*emulator, error) {
	agent, err := buildCommand(ctx, dir, "./test/xen/cmd/agent")
	if err != nil {
		return nil, err
	}
	im, err := image.Build(ctx, agent, progress)
	if err != nil {
		return nil, err
	}
	dom0 := filepath.Join(dir, "dom0.img")
	if err := concatenate(dom0, im.DomU, im.Dom0); err != nil {
		return nil, err
	}
	defer os.Remove(dom0)
	line, err := listen(filepath.Join(dir, lineName))
	if err != nil {
		return nil, err
	}
	defer line.Close()
	hub, err := listen(filepath.Join(dir, socketName))
	if err != nil {
		return nil, err
	}
	began := time.Now()
	e := &emulator{dir: dir, exited: make(chan struct{}), hub: make(chan error, 1)}
	if err := e.start(qemuArgs(im, dom0, dir)); err != nil {
		hub.Close()
		return nil, err
	}
	if err := e.join(ctx, line, hub); err != nil {
		hub.Close()
		e.stop()
		return nil, fmt.Errorf("booting Xen: %w\n%s", err, e.serialTail())
	}
	progress(fmt.Sprintf("Xen is up after %.1f s; its serial line is in %s", time.Since(began).Seconds(), filepath.Join(dir, serialName)))
	return e, nil
}

// start runs QEMU. Its thread's end would end it, so the thread is held.
func (e *emulator) start(args []string) error {
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			e.err = fmt.Errorf("QEMU ended: %v: %s", cmd.Wait(), bytes.TrimSpace(said.Bytes()))
			close(e.exited)
		}
	}()
	if err := <-started; err != nil {
		cancel()
		return fmt.Errorf("%w (Debian's package is qemu-system-x86)", err)
	}
	return nil
}

// join waits for QEMU on the line and for dom0 to say hello, and leaves the hub running.
func (e *emulator) join(ctx context.Context, line, hub net.Listener) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, fmt.Errorf("dom0 didn't come up within %s", bootTimeout))
	defer cancel()
	// Whatever happens first unblocks the accept.
	stop := context.AfterFunc(ctx, func() { line.Close() })
	defer stop()
	go func() {
		select {
		case <-e.exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	conn, err := line.Accept()
	if err != nil {
		return errors.Join(err, context.Cause(ctx), e.cause())
	}
	go func() {
		err := channel.ServeHub(conn, hub, io.Discard)
		conn.Close()
		e.hub <- err
	}()
	c, err := dial(ctx, e.dir)
	if err != nil {
		conn.Close()
		return errors.Join(err, e.cause())
	}
	return c.Close()
}

// cause returns why QEMU ended, or nil while it runs.
func (e *emulator) cause() error {
	select {
	case <-e.exited:
		return e.err
	default:
		return nil
	}
}

// stop ends QEMU and waits until it is gone.
func (e *emulator) stop() {
	e.cancel()
	<-e.exited
}

// serialTail returns the last lines of the serial log.
func (e *emulator) serialTail() string { return serialTail(e.dir) }

// tailLines is how much of a log is shown.
const tailLines = 60

func serialTail(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, serialName))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return "the end of the serial line's log:\n" + strings.Join(lines, "\n")
}

func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return net.Listen("unix", path)
}

func concatenate(to string, from ...string) error {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	for _, f := range from {
		in, err := os.Open(f)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		in.Close()
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// dial connects to the hub of the machine in dir.
func dial(ctx context.Context, dir string) (*channel.Client, error) {
	conn, err := net.Dial("unix", filepath.Join(dir, socketName))
	if err != nil {
		return nil, fmt.Errorf("no machine runs in %s: %w", dir, err)
	}
	return channel.NewClient(ctx, conn, nil)
}
