package kv_test

import (
	"bytes"
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"sync"
	"testing"

	"github.com/xenidc/idc/examples/kv"
	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// TestStatements holds the promise that either side of a driver takes fewer than ten
// statements. Every statement counts, nested ones too, in every function of the
// program; the blocks around them don't.
func TestStatements(t *testing.T) {
	for _, side := range []string{"front", "back"} {
		file, err := parser.ParseFile(token.NewFileSet(), side+"/main.go", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		ast.Inspect(file, func(node ast.Node) bool {
			if _, block := node.(*ast.BlockStmt); block {
				return true
			}
			if _, statement := node.(ast.Stmt); statement {
				n++
			}
			return true
		})
		t.Logf("the %s end has %d statements", side, n)
		if n >= 10 {
			t.Errorf("the %s end has %d statements, must be fewer than ten", side, n)
		}
	}
}

var errMissing = idc.Code(1)

type driver struct{ m sync.Map }

func (s *driver) Get(_ context.Context, req kv.GetRequest) ([]byte, error) {
	v, ok := s.m.Load(req.Key)
	switch {
	case req.Key == "fail":
		return nil, errors.New("a secret of the back end")
	case req.Key == "panic":
		panic("a mistake of the back end")
	case req.Key == "long":
		return make([]byte, 257), nil
	case !ok:
		return nil, errMissing
	}
	return v.([]byte), nil
}

func (s *driver) Put(_ context.Context, req kv.PutRequest) error {
	s.m.Store(req.Key, bytes.Clone(req.Value))
	return nil
}

func open(t *testing.T) *kv.Front {
	testenv.Leaks(t)
	front, back := idctest.Pair(t)
	s := kv.Export(back, "store", new(driver))
	t.Cleanup(func() { s.Close() })
	f, err := kv.Open(context.Background(), front, "store")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestPutGet(t *testing.T) {
	f := open(t)
	for _, key := range []string{"", "a", strings.Repeat("k", 64)} {
		for _, n := range []int{0, 1, 255, 256} {
			want := bytes.Repeat([]byte{byte(n)}, n)
			if err := f.Put(t.Context(), key, want); err != nil {
				t.Fatal(err)
			}
			got, err := f.Get(t.Context(), key)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("get of %d bytes: %d bytes, %v", n, len(got), err)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	f := open(t)
	for name, c := range map[string]struct {
		key  string
		want error
	}{
		"a code of the protocol's":  {"nothing", errMissing},
		"an error without code":     {"fail", idc.Failed},
		"a panic":                   {"panic", idc.Failed},
		"a result that doesn't fit": {"long", idc.Failed},
		"a key that doesn't fit":    {strings.Repeat("k", 65), idc.ErrTooLong},
	} {
		if _, err := f.Get(t.Context(), c.key); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	err := f.Put(t.Context(), "k", make([]byte, 257))
	if !errors.Is(err, idc.ErrTooLong) || err.Error() != "value is longer than 256 bytes, the most that its protocol allows" {
		t.Errorf("a value that doesn't fit: %v", err)
	}
}
