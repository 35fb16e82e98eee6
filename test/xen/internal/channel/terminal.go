//go:build linux

package channel

import (
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal starts a command on a pseudo terminal of its own.
func (s *server) terminal(id uint32, p *running, c Command) (wait func() error, err error) {
	master, slave, err := openPTY(c.Rows, c.Cols)
	if err != nil {
		return nil, err
	}
	defer slave.Close()
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		master.Close()
		return nil, err
	}
	go p.feed(nopCloser{master})
	copied := make(chan struct{})
	go func() {
		// It ends with EIO when the last user of the terminal is gone.
		io.Copy(output{s, Stdout, id}, master)
		close(copied)
	}()
	return func() error {
		err := p.cmd.Wait()
		<-copied
		master.Close()
		return err
	}, nil
}

// nopCloser keeps the end of the input from closing a terminal, where output may
// still come from.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func openPTY(rows, cols uint16) (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("a terminal: %w", err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil && rows > 0 && cols > 0 {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: cols})
	}
	if err != nil {
		master.Close()
		return nil, nil, fmt.Errorf("a terminal: %w", err)
	}
	return master, slave, nil
}

// OpenRaw opens a terminal line and makes it pass on every byte as it is.
func OpenRaw(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if _, err := MakeRaw(int(f.Fd())); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// MakeRaw makes a terminal pass on every byte as it is, as cfmakeraw(3) does, and
// returns how it was.
func MakeRaw(fd int) (*unix.Termios, error) {
	old, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, err
	}
	raw := *old
	raw.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	raw.Oflag &^= unix.OPOST
	raw.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	raw.Cflag &^= unix.CSIZE | unix.PARENB
	raw.Cflag |= unix.CS8
	raw.Cc[unix.VMIN], raw.Cc[unix.VTIME] = 1, 0
	return old, unix.IoctlSetTermios(fd, unix.TCSETS, &raw)
}
