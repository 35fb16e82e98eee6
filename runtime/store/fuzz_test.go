package store

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// FuzzMessage holds the decoder to what it promises: bounds, and that what it takes is
// what appendMessage makes.
func FuzzMessage(f *testing.F) {
	f.Add(appendMessage(nil, TypeRead, 1, 2, "/a\x00"))
	f.Add(appendMessage(nil, TypeWatchEvent, 0, 0, "/a\x00tok\x00"))
	f.Add(appendMessage(nil, TypeWrite, 1, 0, string(make([]byte, MaxPayload+1))))
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		buf := make([]byte, HeaderSize+MaxPayload)
		h, body, err := readMessage(bytes.NewReader(in), buf)
		if err != nil {
			return
		}
		if again := appendMessage(nil, h.typ, h.req, h.tx, string(body)); !bytes.Equal(again, in[:len(again)]) {
			t.Errorf("%q became %q", in, again)
		}
		if list, ok := splitStrings(body); ok {
			if perms, err := parsePerms(list); err == nil && len(appendPerms(nil, perms)) > len(body) {
				t.Errorf("permissions %q grew to %v", body, perms)
			}
		}
	})
}

// FuzzServer feeds a server two clients' arbitrary bytes. The input is cut into
// messages, so that the length need not be guessed: its first byte chooses the client
// and the transaction, the second is the type, the third the length of the payload.
func FuzzServer(f *testing.F) {
	f.Add([]byte("\x00\x0b\x04/a\x00x\x01\x02\x03/a\x00\x00\x0d\x03/a\x00"))
	f.Add([]byte("\x00\x04\x06/\x00tok\x00\x00\x06\x01\x00\x02\x0b\x05/a/b\x00\x02\x0d\x03/a\x00\x02\x0b\x05/a/b\x00\x02\x07\x02T\x00"))
	f.Add([]byte("\x01\x06\x01\x00\x03\x0b\x04a/b\x00\x03\x0e\x05a\x00n5\x00\x03\x07\x02T\x00"))
	f.Add([]byte("\x00\x08\x065\x001\x001\x00\x00\x13\x045\x000\x00\x00\x09\x025\x00"))
	f.Add([]byte("\x00\x16\x04/\x000\x00\x00\x1a\x09nodes\x003\x00x\x00\x18\x045\x000\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := NewServer(Options{Shared: Discovery(nil)})
		defer s.Close()
		clients := []*session{fuzzSession(t, s, true), fuzzSession(t, s, false)}
		for len(in) >= 3 {
			who, typ, n := in[0], in[1], min(int(in[2]), len(in)-3)
			s.handle(clients[who&1], header{Type(typ), 7, uint32(who >> 1), uint32(n)}, in[3:3+n])
			in = in[3+n:]
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		checkTree(t, s.tree)
		for _, ses := range clients {
			fuzzCheckQueue(t, ses)
		}
	})
}

// fuzzSession is a session that isn't run: its queue fills.
func fuzzSession(t *testing.T, s *Server, privileged bool) *session {
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close() })
	dom := s.domain(5)
	if privileged {
		dom = s.domain(0)
	}
	ses, err := s.open(theirs, dom.id, privileged)
	if err != nil {
		t.Fatal(err)
	}
	return ses
}

// fuzzCheckQueue reads what was queued: it must be whole messages.
func fuzzCheckQueue(t *testing.T, ses *session) {
	for {
		out, _ := ses.out.fill(nil)
		if len(out) == 0 {
			break
		}
		r := bytes.NewReader(out)
		for {
			h, body, err := readMessage(r, make([]byte, HeaderSize+MaxPayload))
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if list, ok := splitStrings(body); h.typ == TypeWatchEvent && (!ok || len(list) != 2) {
				t.Fatalf("event %q", body)
			}
		}
	}
	for _, w := range ses.watches {
		if w.pending != 0 || w.collapsed {
			t.Fatalf("watch on %s counts %d events of none", w.path, w.pending)
		}
	}
}

// FuzzStream feeds a running server arbitrary bytes on a connection.
func FuzzStream(f *testing.F) {
	f.Add(appendMessage(nil, TypeWatch, 1, 0, "/\x00t\x00"))
	f.Add(appendMessage(appendMessage(nil, TypeTransactionStart, 1, 0, "\x00"), TypeWrite, 2, 1, "/a\x00v"))
	f.Fuzz(func(t *testing.T, in []byte) {
		s := NewServer(Options{})
		ours, theirs := net.Pipe()
		served := later(func() error { return s.Serve(theirs, 5, false) })
		drained := later(func() error { _, err := io.Copy(io.Discard, ours); return err })
		ours.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, _ = ours.Write(in) // fails when the server has had enough
		ours.Close()
		<-served
		<-drained
		s.Close()
	})
}

// FuzzClient feeds a client arbitrary bytes as its server's.
func FuzzClient(f *testing.F) {
	f.Add(appendMessage(nil, TypeRead, 1, 0, "v"))
	f.Add(appendMessage(nil, TypeWatchEvent, 9, 9, "/a\x001\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		ours, theirs := net.Pipe()
		c := NewClient(ours)
		called := later(func() error { _, err := c.List(t.Context(), NoTx, "/a"); return err })
		watched := later(func() error {
			w, err := c.Watch(t.Context(), "/a")
			for err == nil {
				_, err = w.Next(t.Context())
			}
			return err
		})
		drained := later(func() error { _, err := io.Copy(io.Discard, theirs); return err })
		theirs.SetWriteDeadline(time.Now().Add(5 * time.Second))
		_, _ = theirs.Write(in)
		theirs.Close()
		<-drained
		<-called
		<-watched
		c.Close()
	})
}
