// Package lab boots real Xen in an emulator and runs commands in its domains.
//
// A test asks for the machine, which the first one boots, and for domUs of its own:
//
//	func TestMount(t *testing.T) {
//		m := lab.Open(t)
//		d := m.Domain(t, lab.PV{Name: "mount"})
//		m.Disk(t, lab.Disk{Domain: d, Vdev: 51712, Backend: "vbd", Device: "1:0"})
//		d.Run(t, "mkfs.ext4 -q /dev/xvda && mount /dev/xvda /mnt")
//	}
//
// Everything a test makes goes with the test. When one fails it prints what the
// hypervisor and the kernels said.
package lab
