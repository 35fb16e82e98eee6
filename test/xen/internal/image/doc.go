// Package image makes what the lab boots, from Debian's packages: a hypervisor, a
// kernel, and the initial file systems of dom0 and of a domU. Nothing is installed on
// the machine, and no step needs root.
//
//	apt-get download ─> debs/           kept until the versions change
//	        dpkg-deb -x ─> a tree       thrown away afterwards
//	programs + the libraries that they name + modules ─> images/KEY/
//	        xen.elf  vmlinux  domu.cpio  dom0.cpio
//
// dom0's file system is domu.cpio and dom0.cpio, one after the other; the latter holds
// what only dom0 needs: the tools, and the kernel and domu.cpio for its guests.
package image
