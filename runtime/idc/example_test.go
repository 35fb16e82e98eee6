package idc_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/platform/sim"
)

// errNoKey is an error of the example's protocol: a code of its own.
var errNoKey = idc.Code(1)

// table is the back end of the example.
type table struct{ m sync.Map }

func (t *table) Get(_ context.Context, req kv.GetRequest) ([]byte, error) {
	v, ok := t.m.Load(req.Key)
	if !ok {
		return nil, fmt.Errorf("no value under %q: %w", req.Key, errNoKey) // the text stays here
	}
	return []byte(v.(string)), nil
}

func (t *table) Put(_ context.Context, req kv.PutRequest) error {
	t.m.Store(req.Key, string(req.Value)) // a copy: the request ends with the method
	return nil
}

// domains are two that can reach each other.
func domains() (front, back idc.Domain, end func()) {
	w := sim.New(sim.Options{})
	front, err1 := w.NewDomain()
	back, err2 := w.NewDomain()
	if err := errors.Join(err1, err2); err != nil {
		log.Fatal(err)
	}
	return front, back, w.Close
}

// A service serves a name to every front end that asks, and ends with its context or by
// Close. Errors that are codes travel.
func ExampleService() {
	front, back, end := domains()
	defer end()
	s := kv.Export(back, "table", new(table))
	defer s.Close()
	f, err := kv.Open(context.Background(), front, "table")
	if err != nil {
		log.Fatal(err)
	}
	defer f.Close()

	_, err = f.Get(context.Background(), "color")
	fmt.Println(errors.Is(err, errNoKey), err)
	fmt.Println(f.Put(context.Background(), "color", []byte("blue")))
	v, err := f.Get(context.Background(), "color")
	fmt.Printf("%s %v\n", v, err)
	// Output:
	// true the back end answered with code 1
	// <nil>
	// blue <nil>
}

// A front end is told of its connection's life; between the two calls work goes on by
// itself.
func ExampleOnConnect() {
	front, back, end := domains()
	defer end()
	connected, lost := make(chan bool), make(chan bool)
	f := kv.NewFront(front, "table",
		idc.OnConnect(func() { connected <- true }),
		idc.OnDisconnect(func(cause error) { lost <- errors.Is(cause, idc.ErrDisconnected) }))
	defer f.Close()
	for range 2 {
		s := kv.Export(back, "table", new(table))
		fmt.Println("connected:", <-connected)
		go s.Close()
		fmt.Println("lost:", <-lost)
	}
	// Output:
	// connected: true
	// lost: true
	// connected: true
	// lost: true
}

// Bounds of the protocol are checked before anything travels.
func ExampleCode() {
	front, back, end := domains()
	defer end()
	s := kv.Export(back, "table", new(table))
	defer s.Close()
	f := kv.NewFront(front, "table")
	defer f.Close()
	err := f.Put(context.Background(), "color", make([]byte, 257))
	fmt.Println(errors.Is(err, idc.ErrTooLong))
	fmt.Println(idc.CodeOf(fmt.Errorf("look: %w", errNoKey)) == errNoKey, idc.CodeOf(errors.New("a secret")) == idc.Failed)
	// Output:
	// true
	// true true
}

// A call whose context ends before there is a back end says what it waited for.
func TestCallSaysWhatItWaitsFor(t *testing.T) {
	front, _, end := domains()
	defer end()
	f := kv.NewFront(front, "nobody")
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := f.Get(ctx, "color")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), `kv "nobody": not connected`) || !strings.Contains(err.Error(), "no back end serves that name") {
		t.Errorf("%v", err)
	}
}
