package rival

import (
	"context"

	"github.com/xenidc/idc/bench/internal/measure"
)

// Reader reads the disk without another process: what the file itself costs.
func Reader(o Op) *measure.Case {
	return &measure.Case{
		Name: "pread in the same process", Bytes: o.bytes(),
		Open: func(_ context.Context, dir string) (measure.Load, func(), error) {
			s, err := newServer(o, dir)
			if err != nil {
				return nil, nil, err
			}
			load := measure.Parallel(o.Depth, func(int) func() error {
				msg, p := make([]byte, message), make([]byte, o.In)
				return func() error {
					o.fill(msg, 0)
					return s.fetch(msg, p)
				}
			})
			return load, func() { s.disk.Close() }, nil
		},
	}
}
