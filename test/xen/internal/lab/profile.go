package lab

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/xenidc/idc/test/xen/internal/profile"
)

const (
	// sampleRate is in samples a second and processor. It isn't a divisor of what Linux
	// and Xen do regularly.
	sampleRate = 199
	// dom0Above tells the kernels apart; see qemuArgs and PV.Memory.
	dom0Above = 1 << 30
)

// Profile prints where the machine's processors were during that time.
func (m *Machine) Profile(ctx context.Context, d time.Duration, functions int, w io.Writer) error {
	names, err := m.names(ctx)
	if err != nil {
		return err
	}
	some, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	samples, err := profile.Take(some, filepath.Join(m.dir, monitorName), sampleRate)
	if err != nil {
		return err
	}
	return profile.Report(w, samples, names, functions)
}

// names asks dom0 for the symbols of its kernel, which is the domUs' too, and of the
// hypervisor.
func (m *Machine) names(ctx context.Context) (n profile.Names, err error) {
	n = profile.Names{ProgramName: "idc", Dom0Above: dom0Above}
	for path, to := range map[string]*profile.Symbols{"/proc/kallsyms": &n.Linux, "/proc/xen/xensyms": &n.Xen} {
		r, err := m.Exec(ctx, "cat "+path)
		if err == nil {
			err = r.Err()
		}
		if err != nil {
			return n, fmt.Errorf("%s: %w", path, err)
		}
		if *to, err = profile.ReadKallsyms(strings.NewReader(r.Stdout)); err != nil {
			return n, err
		}
	}
	n.Program, err = profile.ReadProgram(filepath.Join(m.dir, n.ProgramName))
	return n, err
}
