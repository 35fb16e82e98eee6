package xen

import (
	"fmt"
	"strings"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

// TestBlkfront has Linux's xen-blkfront use disks that idc serves.
func TestBlkfront(t *testing.T) {
	m := lab.Open(t)
	// Two processors, for two queues.
	f := newLinuxFront(t, m, lab.PV{Name: "blkfront", VCPUs: 2})
	for _, s := range []struct {
		name string
		run  func(*testing.T, *linuxFront)
	}{
		{"Files", testFiles},
	} {
		t.Run(s.name, func(t *testing.T) {
			s.run(t, f)
			f.quiet(t)
		})
	}
}

// testFiles is what a disk is for.
func testFiles(t *testing.T, f *linuxFront) {
	s := f.serve(t, 32, "")
	said := f.negotiated(t)
	t.Log(said)
	for _, want := range []string{"flush diskcache: enabled", "persistent grants: enabled", "indirect descriptors: enabled"} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q", want)
		}
	}
	front := fmt.Sprintf("/local/domain/%d/device/vbd/%d", f.ID, lab.Xvda)
	for key, want := range map[string]string{"multi-queue-num-queues": "2", "protocol": "x86_64-abi", "feature-persistent": "1"} {
		if got := strings.TrimSpace(f.m.Run(t, "xenstore-read "+front+"/"+key)); got != want {
			t.Errorf("the front end's %s is %q, not %s", key, got, want)
		}
	}
	f.verify(t, 512)
	sum := f.tree(t)
	s.stop(t)
	f.treeInDom0(t, sum)
	// A server that comes later has the same disk.
	s = f.start(t, image)
	f.sameTree(t, sum)
	s.stop(t)
}
