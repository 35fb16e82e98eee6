package channel

import "io"

// A Xen console of Linux takes Ctrl-O and the byte after it for a magic SysRq
// (drivers/tty/hvc/hvc_console.c, hvc_poll), so the byte must not travel towards a domU.
const (
	ctrlO = 0x0f
	esc   = 0x10
	mask  = 0x40
)

// ToConsole returns a writer to a domU's console.
func ToConsole(w io.Writer) io.Writer { return &escaper{w: w} }

type escaper struct {
	w   io.Writer
	buf []byte
}

func (e *escaper) Write(p []byte) (int, error) {
	b := e.buf[:0]
	for _, c := range p {
		if c == ctrlO || c == esc {
			b = append(b, esc)
			c ^= mask
		}
		b = append(b, c)
	}
	e.buf = b
	if _, err := e.w.Write(b); err != nil {
		return 0, err
	}
	return len(p), nil
}

// FromConsole returns a reader, in the domU, of what ToConsole's writer was given.
func FromConsole(r io.Reader) io.Reader { return &unescaper{r: r} }

type unescaper struct {
	r       io.Reader
	escaped bool
}

func (u *unescaper) Read(p []byte) (int, error) {
	for {
		n, err := u.r.Read(p)
		out := p[:0]
		for _, c := range p[:n] {
			switch {
			case u.escaped:
				u.escaped = false
				out = append(out, c^mask)
			case c == esc:
				u.escaped = true
			default:
				out = append(out, c)
			}
		}
		if len(out) > 0 || err != nil || len(p) == 0 {
			return len(out), err
		}
	}
}

// Line joins a reader and a writer to a stream.
type Line struct {
	io.Reader
	io.Writer
}
