package image

// packages are Debian's, without their dependencies: what is missing is told when the
// libraries of the programs are looked for.
var packages = []string{
	// Xen and what it boots. The kernel's package has its version in its name: see kernelPackage.
	"xen-hypervisor-4.17-amd64", "xen-utils-4.17", "xenstore-utils", "grub-xen-host",
	// Programs for both.
	"busybox-static", "e2fsprogs", "util-linux", "libnbd-bin", "fio",
	// The libraries of all of them.
	"libc6", "libgcc-s1", "libstdc++6", "zlib1g", "liblzma5", "libbz2-1.0", "liblzo2-2", "libzstd1",
	"libxenmisc4.17", "libxencall1", "libxendevicemodel1", "libxenevtchn1", "libxenforeignmemory1",
	"libxengnttab1", "libxenhypfs1", "libxenstore4", "libxentoolcore1", "libxentoollog1",
	"libyajl2", "libuuid1", "libfdt1", "libnl-3-200", "libnl-route-3-200",
	"libext2fs2", "libcom-err2", "libss2", "libblkid1", "libsmartcols1", "libmount1", "libselinux1", "libpcre2-8-0", "libtinfo6", "libudev1",
	"libnbd0", "libxml2", "libgnutls30", "libp11-kit0", "libidn2-0", "libunistring2", "libtasn1-6", "libnettle8", "libhogweed6",
	"libgmp10", "libffi8", "libaio1", "libnuma1",
}

// programs are copied under the same path, in both domains.
var programs = []string{
	"bin/busybox",
	"sbin/mke2fs", "sbin/e2fsck", "sbin/dumpe2fs", "sbin/resize2fs",
	"sbin/blkdiscard", "sbin/blockdev", "bin/lsblk", "usr/bin/flock",
	"usr/bin/nbdinfo", "usr/bin/nbdcopy", "usr/bin/fio",
	"usr/bin/xenstore",
	"usr/lib/xen-4.17/bin/lsevtchn",
}

// dom0Programs are copied for dom0 alone.
var dom0Programs = []string{
	"usr/lib/xen-4.17/bin/xl", "usr/lib/xen-4.17/bin/xenstored",
	"usr/lib/xen-4.17/bin/xenconsoled", "usr/lib/xen-4.17/bin/xen-init-dom0",
}

// grub32 is GRUB as the kernel of a 32-bit domain. Dom0 has it as /lab/grub32.
const grub32 = "usr/lib/grub-xen/grub-i386-xen_pvh.bin"

// links are made in both domains: what the packages' scripts would make, or wrap.
var links = map[string]string{
	"sbin/mkfs.ext4":      "mke2fs",
	"sbin/fsck.ext4":      "e2fsck",
	"usr/bin/xenstore-ls": "xenstore", "usr/bin/xenstore-list": "xenstore",
	"usr/bin/xenstore-read": "xenstore", "usr/bin/xenstore-write": "xenstore",
	"usr/bin/xenstore-rm": "xenstore", "usr/bin/xenstore-chmod": "xenstore",
	"usr/bin/xenstore-exists": "xenstore", "usr/bin/xenstore-watch": "xenstore",
	"etc/mtab": "/proc/self/mounts",
	"var/run":  "/run",
}

// extraLibraries are opened by name at run time, so that no program names them: the
// threads of xl and others are cancelled with the first.
var extraLibraries = []string{"libgcc_s.so.1"}

// stubs are libraries that programs name for features that nobody uses here, and
// that would weigh more than all the rest: fio's engines for Ceph, Gluster, RDMA and
// persistent memory, libxml2's character sets. A library with the same symbols stands
// in for each; calling one aborts.
var stubs = []string{
	"librados.so.2", "librbd.so.1", "libgfapi.so.0", "libibverbs.so.1", "librdmacm.so.1",
	"libpmem.so.1", "libpmemblk.so.1", "libicuuc.so.72",
}

// modules are loaded by both, with their parameters. What they depend on comes by
// itself, but for crc32c, which ext4 asks the kernel for by the name of its algorithm.
var modules = []string{
	"xen-evtchn", "xen-gntdev", "xen-gntalloc limit=4096", "xen-privcmd", "xenfs",
	"crc32c_generic", "ext4", "loop",
}

// dom0Modules are loaded by dom0 after modules. Each RAM disk takes memory only
// for what is written to it; rd_size is in KiB.
var dom0Modules = []string{
	"virtio_pci", "virtio_console", "brd rd_nr=4 rd_size=131072", "xen-blkback",
}

// domUModules are loaded by a domU after modules.
var domUModules = []string{"xen-blkfront"}

// spareModules are in the image for those who want them: agent modprobe NAME.
var spareModules = []string{"xen-netfront", "xen-netback"}
