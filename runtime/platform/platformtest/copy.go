package platformtest

import (
	"bytes"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
	"github.com/xenidc/idc/runtime/shm"
)

// copier returns a domain as a Copier, nil if the platform says that it is none.
func copier(t *testing.T, w *world, d platform.Domain) platform.Copier {
	t.Helper()
	c, ok := d.(platform.Copier)
	if ok != w.Can.Copy {
		t.Fatalf("being a Copier is %v, the platform says %v", ok, w.Can.Copy)
	}
	return c
}

// copyTests hold for platforms that can copy; the others are asked whether they are
// right that they can't.
var copyTests = func() (tests []test) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, w *world, c platform.Copier)
	}{
		{"FromPages", copyFrom},
		{"ToPages", copyTo},
		{"ReadOnly", copyReadOnly},
		{"EachByItself", copyEach},
		{"LeavesThePage", copyOutside},
		{"NothingHeld", copyNothingHeld},
		{"DeadOwner", copyDead},
		{"AllocatesNothing", copyAllocates},
		{"AtOnce", copyAtOnce},
	} {
		tests = append(tests, test{c.name, func(t *testing.T, w *world) {
			if by := copier(t, w, w.b); by != nil {
				c.run(t, w, by)
			}
		}})
	}
	return tests
}()

// wantCopied fails if a batch wasn't copied whole.
func wantCopied(t *testing.T, err error, pieces []platform.CopyPiece) {
	t.Helper()
	if err != nil {
		t.Errorf("the copy failed: %v", err)
	}
	for i := range pieces {
		if pieces[i].Err != nil {
			t.Errorf("piece %d: %v", i, pieces[i].Err)
		}
	}
}

func copyFrom(t *testing.T, w *world, c platform.Copier) {
	g, h := grant(t, w.a, w.b, 3, rw), grant(t, w.a, w.b, 1, rw)
	pattern(g.Memory(), 1)
	pattern(h.Memory(), 2)
	a, b, d := make([]byte, shm.PageSize), make([]byte, 512), make([]byte, 1)
	pieces := []platform.CopyPiece{
		{Ref: g.Refs()[2], Local: a},
		{Ref: h.Refs()[0], Offset: 3584, Local: b},
		{Ref: g.Refs()[0], Offset: 4095, Local: d},
	}
	wantCopied(t, c.CopyFrom(w.a.ID(), pieces), pieces)
	wantPattern(t, "a whole page", shm.Of(a), 2*shm.PageSize, 1)
	wantPattern(t, "the end of a page", shm.Of(b), 3584, 2)
	wantPattern(t, "its last byte", shm.Of(d), 4095, 1)
	pattern(g.Memory(), 9)
	wantPattern(t, "the copy, when the page has changed", shm.Of(a), 2*shm.PageSize, 1)
}

func copyTo(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 2, rw)
	pattern(g.Memory(), 1)
	src := bytes.Repeat([]byte{0xAA}, 700)
	pieces := []platform.CopyPiece{
		{Ref: g.Refs()[1], Offset: 512, Local: src[:512]},
		{Ref: g.Refs()[0], Offset: 3, Local: src[512:]},
	}
	wantCopied(t, c.CopyTo(w.a.ID(), pieces), pieces)
	m := g.Memory()
	for i := range 2 * shm.PageSize {
		want := patternAt(i, 1)
		if i >= 3 && i < 3+188 || i >= shm.PageSize+512 && i < shm.PageSize+1024 {
			want = 0xAA
		}
		if got := m.Unstable()[i]; got != want {
			t.Fatalf("byte %d is %#x, want %#x: only what a piece names is written", i, got, want)
		}
	}
}

func copyReadOnly(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 1, ro)
	pattern(g.Memory(), 4)
	b := make([]byte, shm.PageSize)
	pieces := []platform.CopyPiece{{Ref: g.Refs()[0], Local: b}}
	wantCopied(t, c.CopyFrom(w.a.ID(), pieces), pieces)
	wantPattern(t, "what was read", shm.Of(b), 0, 4)
	wantErr(t, "writing to it", c.CopyTo(w.a.ID(), pieces), platform.ErrBadRef)
	wantPattern(t, "the owner's view", g.Memory(), 0, 4)
}

// copyEach: a bad piece costs itself.
func copyEach(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 2, rw)
	pattern(g.Memory(), 5)
	b := make([]byte, 4*64)
	pieces := []platform.CopyPiece{
		{Ref: g.Refs()[0], Local: b[:64]},
		{Ref: 1 << 30, Local: b[64:128]},
		{Ref: 0, Local: b[128:192]},
		{Ref: g.Refs()[1], Local: b[192:]},
	}
	for range 3 { // a batch can be used again
		wantErr(t, "a batch with bad pieces", c.CopyFrom(w.a.ID(), pieces), platform.ErrBadRef)
		for i, want := range []error{nil, platform.ErrBadRef, platform.ErrBadRef, nil} {
			wantErr(t, "a piece", pieces[i].Err, want)
		}
		wantPattern(t, "the first piece", shm.Of(b[:64]), 0, 5)
		wantPattern(t, "the last piece", shm.Of(b[192:]), shm.PageSize, 5)
	}
}

// copyOutside: a piece doesn't leave its page, and the others are copied.
func copyOutside(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 2, rw)
	b := make([]byte, shm.PageSize+1)
	for what, p := range map[string]platform.CopyPiece{
		"a byte too long":   {Ref: g.Refs()[0], Local: b},
		"across the end":    {Ref: g.Refs()[0], Offset: 4000, Local: b[:97]},
		"beyond the end":    {Ref: g.Refs()[0], Offset: 4096, Local: b[:1]},
		"far beyond":        {Ref: g.Refs()[0], Offset: 1<<32 - 1, Local: b[:1]},
		"a wrapping offset": {Ref: g.Refs()[0], Offset: 1 << 16, Local: b[:1]},
		"nothing":           {Ref: g.Refs()[0]},
	} {
		pieces := []platform.CopyPiece{p, {Ref: g.Refs()[1], Local: b[:8]}}
		wantErr(t, what, c.CopyTo(w.a.ID(), pieces), platform.ErrBadRef)
		wantErr(t, what, pieces[0].Err, platform.ErrBadRef)
		wantErr(t, "the other piece", pieces[1].Err, nil)
	}
	if err := c.CopyTo(w.a.ID(), nil); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
}

// copyNothingHeld: a copy leaves nothing mapped.
func copyNothingHeld(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 4, rw)
	pieces := make([]platform.CopyPiece, 4)
	for i := range pieces {
		pieces[i] = platform.CopyPiece{Ref: g.Refs()[i], Local: make([]byte, 100)}
	}
	wantCopied(t, c.CopyFrom(w.a.ID(), pieces), pieces)
	if !g.Revoke() {
		t.Error("pages that were only copied weren't given back")
	}
	wantErr(t, "a revoked page", c.CopyFrom(w.a.ID(), pieces), platform.ErrBadRef)
}

func copyDead(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 1, rw)
	pieces := []platform.CopyPiece{{Ref: g.Refs()[0], Local: make([]byte, 8)}}
	wantCopied(t, c.CopyFrom(w.a.ID(), pieces), pieces)
	w.Kill(t, w.a)
	wantErr(t, "a dead owner", c.CopyFrom(w.a.ID(), pieces), w.gone(platform.ErrBadRef))
	if err := w.b.Close(); err != nil {
		t.Fatal(err)
	}
	wantErr(t, "after Close", c.CopyFrom(w.a.ID(), pieces), platform.ErrClosed)
}

func copyAllocates(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 11, rw)
	pieces := make([]platform.CopyPiece, 11)
	for i := range pieces {
		pieces[i] = platform.CopyPiece{Ref: g.Refs()[i], Local: make([]byte, shm.PageSize)}
	}
	id := w.a.ID()
	if n := testing.AllocsPerRun(100, func() {
		if c.CopyFrom(id, pieces) != nil || c.CopyTo(id, pieces) != nil {
			t.Fatal("the copy failed")
		}
	}); n != 0 {
		t.Errorf("CopyFrom and CopyTo allocate %v times", n)
	}
}

func copyAtOnce(t *testing.T, w *world, c platform.Copier) {
	g := grant(t, w.a, w.b, 16, rw)
	pattern(g.Memory(), 5)
	together(t, 4, func(int) error {
		b := make([]byte, 16*shm.PageSize)
		pieces := make([]platform.CopyPiece, 16)
		for i := range pieces {
			pieces[i] = platform.CopyPiece{Ref: g.Refs()[i], Local: b[i*shm.PageSize : (i+1)*shm.PageSize]}
		}
		for range 100 {
			if err := c.CopyFrom(w.a.ID(), pieces); err != nil {
				return err
			}
			wantPattern(t, "the copy", shm.Of(b), 0, 5)
		}
		return nil
	})
}
