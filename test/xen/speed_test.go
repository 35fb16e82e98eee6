package xen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// loads are what a domU does to both disks, for fio: one job each, one after the other.
var loads = []struct{ name, flags string }{
	{"random read 4 KiB, depth 1", "--rw=randread --bs=4k --iodepth=1"},
	{"random read 4 KiB, depth 32", "--rw=randread --bs=4k --iodepth=32"},
	{"random write 4 KiB, depth 1", "--rw=randwrite --bs=4k --iodepth=1"},
	{"random write 4 KiB, depth 32", "--rw=randwrite --bs=4k --iodepth=32"},
	{"sequential read 1 MiB", "--rw=read --bs=1M --iodepth=2"},
	{"sequential write 1 MiB", "--rw=write --bs=1M --iodepth=2"},
}

// rounds is how often all loads are measured on each of the disks, which take turns.
const rounds = 3

// TestBesideTheKernel measures one domU's Linux front end on our back end, and beside
// it, in the same boot, on Linux's own, each with a RAM disk. The figures are printed,
// not judged: they are ratios within an emulator. What fails is a load that ends with
// an error.
func TestBesideTheKernel(t *testing.T) {
	m := lab.Open(t)
	d := m.Domain(t, lab.PV{Name: "speed", VCPUs: 2})
	serve := serveDisk(t, m, d.ID, lab.Xvda, "/dev/ram0", "--direct") // as the kernel does
	theirs := m.Disk(t, lab.Disk{Front: d.ID, Vdev: lab.Xvdb, Device: "/dev/ram1"})
	theirs.Await(t)
	d.Await(t, "test -b /dev/xvda && test -b /dev/xvdb")
	our, their := make([][]float64, len(loads)), make([][]float64, len(loads))
	for range rounds {
		measure(t, d, "/dev/xvda", our)
		measure(t, d, "/dev/xvdb", their)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-30s %12s %12s %8s\n", "", "ours, IOPS", "Linux, IOPS", "ratio")
	for i, load := range loads {
		a, b := median(our[i]), median(their[i])
		fmt.Fprintf(&table, "%-30s %12.0f %12.0f %8.2f\n", load.name, a, b, a/b)
	}
	t.Logf("ours beside xen-blkback, medians of %d:\n%s", rounds, table.String())
	theirs.Detach(t)
	stop(t, serve)
}

// measure runs all loads and adds their IOPS to those of rounds before.
func measure(t *testing.T, d *lab.Domain, device string, iops [][]float64) {
	t.Helper()
	line := "fio --output-format=json --ioengine=libaio --direct=1 --time_based --runtime=700ms --ramp_time=150ms --filename=" + device
	for i, load := range loads {
		line += fmt.Sprintf(" --name=load%d --stonewall %s", i, load.flags)
	}
	out := d.Run(t, line)
	var result struct {
		Jobs []struct {
			Error       int
			Read, Write struct{ IOPS float64 }
		}
	}
	if i := strings.IndexByte(out, '{'); i < 0 || json.Unmarshal([]byte(out[i:]), &result) != nil || len(result.Jobs) != len(loads) {
		t.Fatalf("fio said: %s", out)
	}
	for i, job := range result.Jobs {
		if job.Error != 0 {
			t.Errorf("fio on %s, %s: error %d", device, loads[i].name, job.Error)
		}
		iops[i] = append(iops[i], job.Read.IOPS+job.Write.IOPS)
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
