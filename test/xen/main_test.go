// Package xen holds tests that need a real hypervisor. docs/lab.md tells how they work.
package xen

import (
	"os"
	"testing"

	"github.com/xenidc/idc/test/xen/internal/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
