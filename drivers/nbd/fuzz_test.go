package nbd

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// FuzzServer sends bytes to the server: it must not panic, must stay inside the
// disk, and must be done with the client when the client is gone.
func FuzzServer(f *testing.F) {
	hello := "\x00\x00\x00\x03"
	export := hello + "IHAVEOPT\x00\x00\x00\x01\x00\x00\x00\x00"
	request := "\x25\x60\x95\x13\x00\x00\x00"
	f.Add([]byte(hello + "IHAVEOPT\x00\x00\x00\x03\x00\x00\x00\x00"))
	f.Add([]byte(hello + "IHAVEOPT\x00\x00\x00\x07\x00\x00\x00\x0a\x00\x00\x00\x04disk\x00\x00"))
	f.Add([]byte(export + request + "\x00cookies!\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x09"))
	f.Add([]byte(export + request + "\x01cookies!\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x03abc"))
	f.Add([]byte(export + request + "\x04cookies!\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x0f\x00"))
	f.Add([]byte(export + request + "\x06cookies!\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"))
	structured := hello + "IHAVEOPT\x00\x00\x00\x08\x00\x00\x00\x00" +
		"IHAVEOPT\x00\x00\x00\x0a\x00\x00\x00\x1b\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x0fbase:allocation" +
		"IHAVEOPT\x00\x00\x00\x07\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00"
	f.Add([]byte(structured + request + "\x07cookies!\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x0f\x00"))
	f.Add([]byte(structured + request + "\x00cookies!\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x0f\x00"))
	f.Add([]byte(structured + request + "\x06cookies!\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x0f\x00"))
	f.Fuzz(func(t *testing.T, input []byte) {
		d := newSparseDisk(t, 1<<16, 512)
		r := &running{Server: &Server{Name: "disk", Disk: d}, disk: newAligned(d)}
		info := d.Info()
		r.latest.Store(&info)
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.serve(context.Background(), context.Background(), ours)
		}()
		go io.Copy(io.Discard, theirs)
		theirs.SetWriteDeadline(time.Now().Add(5 * time.Second))
		theirs.Write(input)
		theirs.Close()
		<-done
		r.disk.close()
		if n := d.allocs.Load(); n != 0 {
			t.Errorf("%d allocations not given back", n)
		}
	})
}
