package own

import (
	"context"

	"github.com/xenidc/idc/bench/internal/bulk"
	"github.com/xenidc/idc/bench/internal/measure"
	"github.com/xenidc/idc/runtime/idc"
)

// lending is what becomes of a buffer.
type lending struct {
	name   string
	shared bool // it is in memory that both share, else it is copied there
	read   bool // the back end copies it to memory of its own
}

// Bulk sends so many bytes to the back end, one transaction after the other.
func Bulk(size int) (cases []*measure.Case) {
	for _, l := range []lending{
		{"xenidc, lent", true, false},
		{"xenidc, lent and read", true, true},
		{"xenidc, copied and read", false, true},
	} {
		cases = append(cases, &measure.Case{
			Name: l.name, Bytes: size,
			Serve: func(ctx context.Context, dir string, ready func()) error {
				return serve(ctx, dir, ready, func(d idc.Domain) error {
					return bulk.Serve(ctx, d, name, &taker{read: l.read, buf: make([]byte, size)}, spinning.back...)
				})
			},
			Open: func(ctx context.Context, dir string) (measure.Load, func(), error) {
				return openBulk(ctx, dir, size, l)
			},
		})
	}
	return append(cases, memcpy(size))
}

// taker takes data, one transaction at a time.
type taker struct {
	read bool
	buf  []byte
}

func (t *taker) Send(_ context.Context, _ bulk.SendRequest, data *idc.Bulk) error {
	if t.read {
		data.CopyTo(t.buf, 0)
	}
	return nil
}

func (t *taker) Fetch(_ context.Context, _ bulk.FetchRequest, data *idc.Bulk) error {
	data.CopyFrom(t.buf, 0)
	return nil
}

func openBulk(ctx context.Context, dir string, size int, l lending) (measure.Load, func(), error) {
	d, err := front(ctx, dir)
	if err != nil {
		return nil, nil, err
	}
	f, err := bulk.Open(ctx, d, name, spinning.front...)
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	data, free := make([]byte, size), func() {}
	if l.shared {
		buf, err := f.Alloc(size)
		if err != nil {
			f.Close()
			d.Close()
			return nil, nil, err
		}
		data, free = buf.Bytes(), buf.Free
	}
	send := func() error { return f.Send(context.Background(), data) }
	return measure.Serial(send), func() { free(); f.Close(); d.Close() }, nil
}

// memcpy copies as many bytes within one process: what one copy costs.
func memcpy(size int) *measure.Case {
	return &measure.Case{
		Name: "one copy in the same process", Bytes: size,
		Open: func(context.Context, string) (measure.Load, func(), error) {
			from, to := make([]byte, size), make([]byte, size)
			return measure.Serial(func() error { copy(to, from); return nil }), func() {}, nil
		},
	}
}
