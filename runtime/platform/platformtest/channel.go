package platformtest

import (
	"errors"
	"testing"
	"time"

	"github.com/xenidc/idc/runtime/platform"
)

// bound returns two ends of a channel, the first events taken, until the test ends.
func bound(t *testing.T, a, b platform.Domain) (platform.Channel, platform.Channel) {
	t.Helper()
	x, y := fresh(t, a, b)
	wantEvent(t, "the listener's first event", x)
	wantEvent(t, "the binder's first event", y)
	return x, y
}

// fresh returns two ends of a channel, as Bind leaves them.
func fresh(t *testing.T, a, b platform.Domain) (platform.Channel, platform.Channel) {
	t.Helper()
	x := listen(t, a, b)
	y, err := b.Bind(a.ID(), x.Port())
	if err != nil {
		t.Fatalf("Bind: %v", err)
	}
	closeLater(t, y)
	return x, y
}

// listen listens until the test ends.
func listen(t *testing.T, d, peer platform.Domain) platform.Channel {
	t.Helper()
	c, err := d.Listen(peer.ID())
	if err != nil {
		t.Fatalf("Listen: %v", err)
	}
	closeLater(t, c)
	return c
}

// closeLater closes a channel with the test, unless the test did.
func closeLater(t *testing.T, c platform.Channel) {
	t.Cleanup(func() {
		if err := c.Close(); err != nil && !errors.Is(err, platform.ErrClosed) {
			t.Errorf("close port %d: %v", c.Port(), err)
		}
	})
}

// wantEvent fails unless Wait returns nil in time.
func wantEvent(t *testing.T, what string, c platform.Channel) {
	t.Helper()
	wantWait(t, what, c, nil)
}

// wantWait fails unless Wait returns want in time. Spurious returns before an error
// are allowed, as the contract does.
func wantWait(t *testing.T, what string, c platform.Channel, want error) {
	t.Helper()
	within(t, what, func() {
		for range 100 {
			if err := c.Wait(); err != nil || want == nil {
				if !errors.Is(err, want) {
					t.Errorf("%s: Wait returned %v, want %v", what, err, want)
				}
				return
			}
		}
		t.Errorf("%s: Wait keeps returning nil, want %v", what, want)
	})
}

// quiet takes the events that are there, and fails if more keep coming.
func quiet(t *testing.T, what string, c platform.Channel) {
	t.Helper()
	within(t, what, func() {
		for range 10 {
			alarm := time.AfterFunc(moment, c.Wake)
			start := time.Now()
			err := c.Wait()
			alarm.Stop()
			if err != nil {
				t.Errorf("%s: Wait returned %v", what, err)
				return
			}
			if time.Since(start) >= moment {
				return
			}
		}
		t.Errorf("%s: events keep coming", what)
	})
}

// blocked starts a Wait and returns its result's channel once it sleeps, as far as
// one can tell from outside.
func blocked(t *testing.T, c platform.Channel) <-chan error {
	t.Helper()
	quiet(t, "before the Wait", c)
	result := make(chan error, 1)
	go func() { result <- c.Wait() }()
	select {
	case err := <-result:
		// One spurious return: again.
		if err != nil {
			t.Fatalf("Wait returned %v at once", err)
		}
		go func() { result <- c.Wait() }()
	case <-time.After(moment):
	}
	return result
}

// wantResult fails unless a blocked Wait ends with want.
func wantResult(t *testing.T, what string, result <-chan error, want error) {
	t.Helper()
	select {
	case err := <-result:
		if !errors.Is(err, want) {
			t.Errorf("%s: Wait returned %v, want %v", what, err, want)
		}
	case <-time.After(patience):
		t.Fatalf("%s: Wait still blocks after %v", what, patience)
	}
}

var channelTests = []test{
	{"Ports", func(t *testing.T, w *world) {
		seen := map[platform.Port]bool{0: true}
		for range 20 {
			x, y := fresh(t, w.a, w.b)
			z := listen(t, w.a, w.c)
			for _, c := range []platform.Channel{x, z} {
				if seen[c.Port()] {
					t.Errorf("port %d is 0 or given out twice", c.Port())
				}
				seen[c.Port()] = true
			}
			if y.Port() == 0 {
				t.Error("the binder's port is 0")
			}
		}
	}},
	{"BindRefusals", func(t *testing.T, w *world) {
		x := listen(t, w.a, w.b)
		closed, err := w.a.Listen(w.b.ID())
		if err != nil {
			t.Fatal(err)
		}
		if err := closed.Close(); err != nil {
			t.Fatal(err)
		}
		_, err = w.b.Bind(w.a.ID(), closed.Port())
		wantErr(t, "a closed port", err, platform.ErrBadPort)
		for what, port := range map[string]platform.Port{
			"port 0": 0, "an unknown port": x.Port() + 100, "the largest port": 1<<32 - 1, "a port beyond the FIFO's": 1 << 17,
		} {
			_, err := w.b.Bind(w.a.ID(), port)
			wantErr(t, what, err, platform.ErrBadPort)
		}
		if !w.Can.SameID { // c is b, as far as ports tell
			_, err = w.c.Bind(w.a.ID(), x.Port())
			wantErr(t, "a port that listens for another", err, platform.ErrBadPort)
		}
		_, err = w.b.Bind(platform.FirstReserved-1, x.Port())
		wantErr(t, "a domain that never was", err, platform.ErrNoDomain)

		y, err := w.b.Bind(w.a.ID(), x.Port())
		if err != nil {
			t.Fatalf("the refusals spoilt the port: %v", err)
		}
		closeLater(t, y)
		_, err = w.b.Bind(w.a.ID(), x.Port())
		wantErr(t, "a port that is bound", err, platform.ErrBadPort)
		w.Kill(t, w.a)
		_, err = w.b.Bind(w.a.ID(), x.Port())
		wantErr(t, "a port of a dead domain", err, w.gone(platform.ErrBadPort))
	}},
	{"FirstEvent", func(t *testing.T, w *world) {
		x, y := fresh(t, w.a, w.b)
		wantEvent(t, "the listener", x)
		wantEvent(t, "the binder", y)
	}},
	{"Unbound", func(t *testing.T, w *world) {
		x := listen(t, w.a, w.b)
		x.Notify()
		quiet(t, "an unbound port", x)
	}},
	{"Notify", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		for range 50 {
			x.Notify()
			wantEvent(t, "the binder", y)
			y.Notify()
			wantEvent(t, "the listener", x)
		}
	}},
	{"NotifyWakesASleeper", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		result := blocked(t, y)
		x.Notify()
		wantResult(t, "the binder", result, nil)
		result = blocked(t, x)
		y.Notify()
		wantResult(t, "the listener", result, nil)
	}},
	{"Merge", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		for range 1000 {
			x.Notify()
		}
		wantEvent(t, "after many events", y)
		quiet(t, "after many events", y)
		quiet(t, "the side that notified", x)
	}},
	{"OneChannelOnly", func(t *testing.T, w *world) {
		x, _ := bound(t, w.a, w.b)
		_, v := bound(t, w.a, w.b)
		_, z := bound(t, w.a, w.c)
		x.Notify()
		quiet(t, "another channel of the pair", v)
		quiet(t, "another domain's channel", z)
	}},
	{"Wake", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		result := blocked(t, x)
		x.Wake()
		wantResult(t, "the present Wait", result, nil)
		quiet(t, "after that", x)
		x.Wake()
		wantEvent(t, "the next Wait", x)
		quiet(t, "the peer", y)
		z := listen(t, w.a, w.b)
		z.Wake()
		wantEvent(t, "an unbound channel", z)
	}},
	{"AllocatesNothing", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		if n := testing.AllocsPerRun(100, func() {
			x.Notify()
			if err := y.Wait(); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("Notify and Wait allocate %v times", n)
		}
	}},
	{"Close", func(t *testing.T, w *world) {
		x, y := bound(t, w.a, w.b)
		u, v := bound(t, w.a, w.b)
		result := blocked(t, x)
		if err := x.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		wantResult(t, "the blocked Wait", result, platform.ErrClosed)
		wantErr(t, "Wait after Close", x.Wait(), platform.ErrClosed)
		wantErr(t, "a second Close", x.Close(), platform.ErrClosed)
		x.Notify()
		x.Wake()
		y.Notify() // Nobody hears it.
		quiet(t, "the peer's end", y)
		u.Notify()
		wantEvent(t, "another channel", v)
		v.Notify()
		wantEvent(t, "another channel, back", u)
	}},
	{"CloseWhatNobodyBound", func(t *testing.T, w *world) {
		x := listen(t, w.a, w.b)
		result := blocked(t, x)
		if err := x.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		wantResult(t, "the blocked Wait", result, platform.ErrClosed)
	}},
	{"Again", func(t *testing.T, w *world) {
		for range 100 {
			x, err := w.a.Listen(w.b.ID())
			if err != nil {
				t.Fatal(err)
			}
			y, err := w.b.Bind(w.a.ID(), x.Port())
			if err != nil {
				t.Fatal(err)
			}
			y.Notify()
			wantEvent(t, "the listener", x)
			x.Notify()
			wantEvent(t, "the binder", y)
			x.Close()
			y.Notify()
			y.Close()
		}
	}},
}
