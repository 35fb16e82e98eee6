package channel

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"sync"
)

// Kind tells what a frame's payload is.
type Kind uint8

const (
	// Hello is the first frame of a server, and numbers frames anew.
	Hello Kind = iota + 1
	// Start carries a [Command] in JSON, and opens its id.
	Start
	// Stdin carries input of a command; an empty payload ends it.
	Stdin
	// Signal carries the number of a signal for a command's process group, in one byte.
	Signal
	// Stdout and Stderr carry a command's output.
	Stdout
	Stderr
	// Exit carries an [ExitStatus] in JSON, and closes its id.
	Exit
)

// maxPayload bounds a frame: small, so that commands that share a slow console get
// their turns.
const maxPayload = 8 << 10

// headerLen is the length of what precedes the payload:
//
//	magic 4 | seq 4 | id 4 | len 2 | kind 1 | 0 1 | CRC of the header 4 | CRC of the payload 4
const headerLen = 24

const magic = "\xfeLB\x01"

// Frame is a message of one command.
type Frame struct {
	Kind    Kind
	ID      uint32
	Payload []byte
}

// Writer sends frames. Any goroutine may use it.
type Writer struct {
	mu  sync.Mutex
	w   io.Writer
	seq uint32
	buf []byte
}

// NewWriter returns a writer on w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Send writes one frame, whose payload must not be longer than maxPayload. It blocks
// as the stream does.
func (w *Writer) Send(f Frame) error {
	if len(f.Payload) > maxPayload {
		return fmt.Errorf("channel: a payload of %d bytes; at most %d fit in a frame", len(f.Payload), maxPayload)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if f.Kind == Hello {
		w.seq = 0
	}
	b := append(w.buf[:0], magic...)
	b = binary.BigEndian.AppendUint32(b, w.seq)
	b = binary.BigEndian.AppendUint32(b, f.ID)
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.Payload)))
	b = append(b, byte(f.Kind), 0)
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b))
	b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(f.Payload))
	b = append(b, f.Payload...)
	w.buf = b
	w.seq++
	_, err := w.w.Write(b)
	return err
}

// SendAll sends a payload of any length as frames of one kind. Nothing is sent for
// an empty one.
func (w *Writer) SendAll(kind Kind, id uint32, p []byte) error {
	for len(p) > 0 {
		n := min(len(p), maxPayload)
		if err := w.Send(Frame{kind, id, p[:n]}); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// ErrGap says that a frame was lost to noise on the line.
var ErrGap = errors.New("channel: a frame was lost on the line")

// Reader receives frames. One goroutine uses it.
type Reader struct {
	r     *bufio.Reader
	noise io.Writer
	seq   uint32
	greet bool
}

// NewReader returns a reader on r. Bytes between frames go to noise, which may be nil.
func NewReader(r io.Reader, noise io.Writer) *Reader {
	if noise == nil {
		noise = io.Discard
	}
	return &Reader{r: bufio.NewReaderSize(r, 2*(headerLen+maxPayload)), noise: noise}
}

// Next returns the next frame. Its payload is the caller's. Before the first Hello
// frames are dropped: they are the echo of a line that isn't set up yet.
func (r *Reader) Next() (Frame, error) {
	for {
		f, seq, err := r.scan()
		switch {
		case err != nil:
			return Frame{}, err
		case f.Kind == Hello:
			r.greet, r.seq = true, seq+1
			return f, nil
		case !r.greet:
			continue
		case seq != r.seq:
			return Frame{}, fmt.Errorf("%w: number %d came when %d was due", ErrGap, seq, r.seq)
		}
		r.seq++
		return f, nil
	}
}

// scan reads up to the end of the next frame whose checksums are right.
func (r *Reader) scan() (Frame, uint32, error) {
	for {
		h, err := r.r.Peek(headerLen)
		if len(h) > 0 && h[0] != magic[0] {
			r.skip(h)
			continue
		}
		if err != nil {
			return Frame{}, 0, r.drain(err)
		}
		n := int(binary.BigEndian.Uint16(h[12:]))
		if string(h[:4]) != magic || n > maxPayload || crc32.ChecksumIEEE(h[:16]) != binary.BigEndian.Uint32(h[16:]) {
			r.skip(h[:1])
			continue
		}
		whole, err := r.r.Peek(headerLen + n)
		if err != nil {
			return Frame{}, 0, r.drain(err)
		}
		payload := whole[headerLen:]
		if crc32.ChecksumIEEE(payload) != binary.BigEndian.Uint32(whole[20:]) {
			r.skip(whole[:1])
			continue
		}
		f := Frame{Kind: Kind(whole[14]), ID: binary.BigEndian.Uint32(whole[8:]), Payload: append([]byte(nil), payload...)}
		seq := binary.BigEndian.Uint32(whole[4:])
		_, err = r.r.Discard(len(whole))
		return f, seq, err
	}
}

// skip passes on what can't begin a frame: the bytes up to the next magic one.
func (r *Reader) skip(h []byte) {
	n := 1
	for n < len(h) && h[n] != magic[0] {
		n++
	}
	r.noise.Write(h[:n])
	r.r.Discard(n)
}

// drain passes on what came before the end of the stream.
func (r *Reader) drain(err error) error {
	rest, _ := r.r.Peek(r.r.Buffered())
	r.noise.Write(rest)
	return err
}
