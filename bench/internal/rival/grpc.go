package rival

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/xenidc/idc/bench/internal/measure"
)

// method is the one unary call: it takes a google.protobuf.BytesValue and returns
// one.
const method = "/echo.Echo/Send"

// service is what protoc-gen-go-grpc would write for it.
var service = grpc.ServiceDesc{
	ServiceName: "echo.Echo",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{
		MethodName: "Send",
		Handler: func(srv any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.BytesValue)
			if err := decode(in); err != nil {
				return nil, err
			}
			return srv.(*server).send(in)
		},
	}},
}

func (s *server) send(in *wrapperspb.BytesValue) (*wrapperspb.BytesValue, error) {
	if len(in.Value) < message {
		return nil, status.Errorf(codes.InvalidArgument, "%d bytes", len(in.Value))
	}
	out := make([]byte, message+binary.LittleEndian.Uint32(in.Value[8:]))
	copy(out, in.Value[:message])
	if err := s.fetch(in.Value, out[message:]); err != nil {
		return nil, err
	}
	return &wrapperspb.BytesValue{Value: out}, nil
}

// mostBytes bounds a message; the default is 4 MiB.
const mostBytes = 8 << 20

func serveGRPC(o Op) func(context.Context, string, func()) error {
	return func(ctx context.Context, dir string, ready func()) error {
		s, err := newServer(o, dir)
		if err != nil {
			return err
		}
		l, err := net.Listen("unix", filepath.Join(dir, "g"))
		if err != nil {
			return err
		}
		g := grpc.NewServer(grpc.MaxRecvMsgSize(mostBytes))
		g.RegisterService(&service, s)
		context.AfterFunc(ctx, g.Stop)
		ready()
		return g.Serve(l)
	}
}

// GRPC makes unary calls, by as many goroutines as are to be under way at once.
func GRPC(o Op) *measure.Case {
	return &measure.Case{
		Name: "gRPC unary", Rival: "gRPC", Bytes: o.bytes(), Serve: serveGRPC(o),
		Open: func(_ context.Context, dir string) (measure.Load, func(), error) {
			c, err := grpc.NewClient("unix:"+filepath.Join(dir, "g"),
				grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				return nil, nil, err
			}
			load := measure.Parallel(o.Depth, func(int) func() error { return call(o, c) })
			return load, func() { c.Close() }, nil
		},
	}
}

func call(o Op, c *grpc.ClientConn) func() error {
	in := &wrapperspb.BytesValue{Value: make([]byte, message+o.Out)}
	return func() error {
		o.fill(in.Value, 0)
		out := new(wrapperspb.BytesValue)
		if err := c.Invoke(context.Background(), method, in, out); err != nil {
			return err
		}
		if len(out.Value) != message+o.In {
			return fmt.Errorf("answer of %d bytes", len(out.Value))
		}
		return nil
	}
}
