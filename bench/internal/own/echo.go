package own

import (
	"context"
	"errors"

	"github.com/xenidc/idc/bench/internal/echo"
	"github.com/xenidc/idc/bench/internal/measure"
	"github.com/xenidc/idc/runtime/idc"
)

// Echo sends 64 bytes there and back with so many transactions under way at once,
// in every way to wait.
func Echo(depth int) (cases []*measure.Case) {
	for _, w := range waitings {
		cases = append(cases, &measure.Case{
			Name: w.name,
			Serve: func(ctx context.Context, dir string, ready func()) error {
				return serve(ctx, dir, ready, func(d idc.Domain) error {
					return echo.Serve(ctx, d, name, echoer{}, append(w.back, ringFor(depth))...)
				})
			},
			Open: func(ctx context.Context, dir string) (measure.Load, func(), error) {
				return openEcho(ctx, dir, depth, w)
			},
		})
	}
	return cases
}

// ringFor asks for a ring with 32 slots or more to a page that has room for depth.
func ringFor(depth int) idc.Option {
	order := 0
	for 32<<order < depth {
		order++
	}
	return idc.RingOrder(order)
}

type echoer struct{}

func (echoer) Echo(_ context.Context, req echo.EchoRequest) ([7]uint64, error) {
	return req.Payload, nil
}

func openEcho(ctx context.Context, dir string, depth int, w waiting) (measure.Load, func(), error) {
	d, err := front(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := echo.Open(ctx, d, name, append(w.front, ringFor(depth))...)
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	s := &sender{Front: f, polled: w.polled}
	load := measure.Serial(s.send)
	if depth > 1 {
		load = s.pipelined
	}
	return load, func() { f.Close(); d.Close() }, nil
}

var errChanged = errors.New("the answer isn't what was sent")

type sender struct {
	*echo.Front
	sent   [7]uint64
	polled bool
}

func (s *sender) send() error {
	s.sent[0]++
	got, err := s.Echo(context.Background(), s.sent)
	if err == nil && got != s.sent {
		err = errChanged
	}
	return err
}

// pipelined keeps the ring full.
func (s *sender) pipelined(m *measure.Meter) error {
	flow := measure.NewFlow(m)
	end := func(got [7]uint64, err error) { flow.End(err) }
	endTimed := func(got [7]uint64, err error) { flow.EndTimed(err) }
	ctx := context.Background()
	var poll func() int
	if s.polled {
		ctx, poll = idc.NoWait, s.Poll
	}
	for !flow.Done() {
		done := end
		if flow.Begin() {
			done = endTimed
		}
		s.sent[0]++
		for {
			err := s.EchoAsync(ctx, s.sent, done)
			if err == nil {
				break
			}
			if !errors.Is(err, idc.ErrWouldBlock) {
				return err
			}
			s.Poll()
		}
	}
	return flow.Close(poll)
}
