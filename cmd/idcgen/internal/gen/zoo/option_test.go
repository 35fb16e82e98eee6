package zoo

import (
	"context"
	"errors"
	"testing"

	"github.com/xenidc/idc/internal/testenv"
	"github.com/xenidc/idc/runtime/idc"
	"github.com/xenidc/idc/runtime/idc/idctest"
)

// counter is a keeper who can do what others needn't.
type counter struct{ keeper }

func (counter) Plumage(_ context.Context, req PlumageRequest) (uint32, error) {
	return 1000 * uint32(req.Bird), nil
}

// TestOption has back ends with and without an optional transaction. What one hasn't it
// doesn't publish, whatever its keys say.
func TestOption(t *testing.T) {
	testenv.Leaks(t)
	keys := BackKeys{Cages: 1, Season: "winter", FeaturePlumage: true}
	for name, back := range map[string]Back{"with": counter{keeper{t}}, "without": keeper{t}} {
		d, peer := idctest.Pair(t)
		s := Export(peer, "zoo", keys, back)
		f, err := Open(t.Context(), d, "zoo")
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.Plumage(t.Context(), 3)
		if with := name == "with"; f.Back().FeaturePlumage != with || (err == nil) != with || with && n != 3000 ||
			!with && !errors.Is(err, idc.Unsupported) {
			t.Errorf("%s: published %v, answered %d, %v", name, f.Back().FeaturePlumage, n, err)
		}
		s.Update(keys)
		f.Close()
		s.Close()
	}
}
