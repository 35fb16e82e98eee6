// The block device interface of Xen, as the public header xen/include/public/io/blkif.h defines it.

/// Xen's paravirtual block device, blkif: a front uses a disk that a back serves.
///
/// The front writes requests into slots of a ring that both share, and lends the pages of the data by grant references.
/// The back answers each request once, in any order. Positions and lengths are in sectors of 512 bytes, whatever the
/// logical block size of the disk, but must be multiples of that size.
frozen protocol blk

device "vbd"
abi x86_64 "x86_64-abi"
/// A front that writes no `protocol` is taken for a 32-bit one, as Linux and QEMU do.
abi x86_32 "x86_32-abi" or absent
abi arm "arm-abi"

/// The unit of every position and length on the ring.
unit sectors = 512 bytes

/// The most segments that fit into the slot of a direct request.
const max_segments_per_request = 11
/// The most pages of segments that an indirect request may refer to.
const max_indirect_pages_per_request = 8

/// What a request asks for.
open enum operation u8 {
	read            = 0
	write           = 1
	/// A write that no earlier write may follow and no later one precede.
	write_barrier   = 2
	flush_diskcache = 3
	/// Device specific packets of old SLES releases.
	reserved        4
	discard         = 5
	/// The segments are in pages of their own; `indirect_op` says whether it reads or writes.
	indirect        = 6
	/// Not of blkif.h, but of xenidc: only for a back that publishes `feature-xenidc-extents`.
	extents         = 224
}

/// How a request ended.
open status enum status i16 {
	okay       = 0 means success
	/// It failed, for whatever reason.
	error      = -1 means failure and malformed
	/// The back doesn't know the operation, or not on this disk.
	eopnotsupp = -2 means unsupported
}

/// How to discard; secure: make every copy of the data unrecoverable before answering, ignored if `discard-secure` is 0.
bits discard_flags u8 { secure = bit 0 }

/// What kind of disk it is: the VDISK_ macros of the header.
open bits disk_info u32 { cdrom = bit 0, removable = bit 1, readonly = bit 2 }

/// A piece of one granted page, in whole sectors.
segment segment {
	gref       gref
	first_sect u8 in sectors
	last_sect  u8 in sectors
	covers     first_sect to last_sect
}

/// A request whose segments are in the slot.
struct request {
	operation     operation
	nr_segments   u8
	handle        u16 = device
	id            u64
	sector_number u64 in sectors
	seg           segment[nr_segments] up to max_segments_per_request
}

/// A request to forget a range of the disk.
struct request_discard {
	operation     operation
	flag          discard_flags
	handle        u16 = device
	id            u64
	sector_number u64 in sectors
	nr_sectors    u64 in sectors
}

/// A request whose segments are in pages of their own.
struct request_indirect {
	operation      operation
	indirect_op    operation
	nr_segments    u16
	id             u64
	sector_number  u64 in sectors
	handle         u16 = device
	indirect_grefs gref[max_indirect_pages_per_request] to pages of segment[nr_segments]
	pad            u64 on x86_32
}

/// The answer to any request.
struct response { id u64, operation operation = request.operation, status status }

/// All requests of one queue and the answers to them.
ring requests {
	request    request or request_discard or request_indirect
	response   response
	tag        operation and indirect_op
	id         id
	pages      "ring-ref" or "ring-ref%u" order "ring-page-order" up to "max-ring-page-order"
	queues     "multi-queue-num-queues" up to "multi-queue-max-queues" under "queue-%u"
	channel    "event-channel"
	persistent "feature-persistent"
}

/// Reads sectors, from `sector_number` on, into data.
transaction read(sector_number, data bulk from back) replay {
	form direct request { operation = read, seg = data }
	form indirect request_indirect up to "feature-max-indirect-segments" {
		operation = indirect, indirect_op = read, indirect_grefs = data, response.operation = read
	}
	split data advancing sector_number
}

/// Writes data to the sectors from `sector_number` on. It is durable only after a flush.
transaction write(sector_number, data bulk from front) replay {
	form direct request { operation = write, seg = data }
	form indirect request_indirect up to "feature-max-indirect-segments" {
		operation = indirect, indirect_op = write, indirect_grefs = data, response.operation = write
	}
	split data advancing sector_number
}

/// Writes like write, after all writes that were issued before it and before all that are issued after it. All
/// that were answered before it are made durable first, so that one without data is a flush.
transaction write_barrier(sector_number, data bulk from front) replay when "feature-barrier" {
	form direct request { operation = write_barrier, seg = data }
}

/// Makes everything durable whose write was answered before the flush was issued. Segments that come with one are
/// written afterwards, as the back ends of Linux and QEMU have it: a block layer may merge a flush with the write after it.
transaction flush() replay when "feature-flush-cache" {
	form direct request { operation = flush_diskcache } then write
}

/// Tells that nr_sectors from `sector_number` on are not needed any more. What they read as afterwards is undefined.
transaction discard(sector_number, nr_sectors, flag) replay when "feature-discard" {
	form direct request_discard { operation = discard }
}

/// Tells what the disk keeps from `sector_number` on. Not of blkif.h: only backs and fronts of xenidc know it.
///
/// Data is filled with extents of 8 bytes, little-endian, the first at `sector_number`, each where the one before it
/// ends: bits 0 to 61 are the length in sectors, bit 62 says that the extent takes no storage, and bit 63 that it reads
/// as zeros. One of length 0 ends them, unless they fill data. What follows is left for another request.
transaction extents(sector_number, data bulk from back) replay when "feature-xenidc-extents" optional {
	form direct request { operation = extents, seg = data }
}

keys from toolstack in back by initialising {
	/// May the front write?
	"mode"                 one of "r" or "w"
	/// What the hotplug script needs to find the disk.
	"params"               string optional
	/// What the disk is made of.
	"type"                 one of "file" or "phy" or "tap" optional
	/// The name that the disk has in the front's domain.
	"dev"                  string optional
	"device-type"          string default "disk"
	"removable"            bool default 0
	"bootable"             bool default 0
	/// The program that attaches the disk.
	"script"               string optional
	/// The storage doesn't suffer from the lifetime bug of direct I/O, so the back may use O_DIRECT.
	"direct-io-safe"       bool default 0
	/// Offer discard, if the storage can.
	"discard-enable"       bool default 1
	/// MAJOR:MINOR of the disk; written by the hotplug script.
	"physical-device"      pair of hex u32 optional by init_wait
	/// Where the image is; written by the hotplug script.
	"physical-device-path" string optional by init_wait
	"hotplug-status"       string optional by init_wait
}

keys from back by init_wait {
	/// The most pages of a ring, as a power of two.
	"max-ring-page-order"           u32 default 0
	/// The same, as a number of pages.
	"max-ring-pages"                u32 default 1 deprecated
	"multi-queue-max-queues"        u32 default 1
	/// The most segments of an indirect request; absent where the back knows none.
	"feature-max-indirect-segments" u32 default 0
}

keys from back by connected {
	"feature-barrier"        bool default 0
	"feature-flush-cache"    bool default 0
	"feature-discard"        bool default 0
	/// The back keeps grants mapped, so the front should use the same ones again.
	"feature-persistent"     bool default 0 both
	/// Where the first extent that can be discarded starts.
	"discard-alignment"      u32 in bytes default 0
	/// How large such an extent is.
	"discard-granularity"    u32 in bytes default as "sector-size"
	/// The flag `secure` of discard is obeyed.
	"discard-secure"         bool default 0
	/// What was discarded reads as zeros. Not of blkif.h; fronts of others don't look for it.
	"xenidc-discard-zeroes"  bool default 0
	/// The back answers `extents`. Not of blkif.h, nor is the operation.
	"feature-xenidc-extents" bool default 0
	/// How many bytes of the disk there are, if it ends within a sector, of which the rest is zeros; else 0. Not of
	/// blkif.h, for which it is as large as its sectors are.
	"xenidc-bytes"           u64 in bytes default 0
	"info"                   disk_info
	/// The logical block size: a power of two. Other than 512 only if the front has feature-large-sector-size.
	"sector-size"            u32 in bytes 512 to 65536
	/// The physical block size: a multiple of `sector-size`.
	"physical-sector-size"   u32 in bytes default as "sector-size"
	/// The size of the disk. A back that changes it writes its state, Connected, once more.
	"sectors"                u64 in sectors
}

keys from front by initialised {
	/// The event channel of the queue.
	"event-channel"             port per queue
	/// The page of a ring that has one.
	"ring-ref"                  gref optional per queue
	/// The pages of a ring that has several. Written only together with `ring-page-order`.
	"ring-ref%u"                gref optional per queue
	/// How many pages a ring has, as a power of two. If it is there at all, even as 0, `ring-ref0` replaces `ring-ref`.
	"ring-page-order"           u32 default 0 up to "max-ring-page-order"
	/// The same, as a number of pages.
	"num-ring-pages"            u32 default 1 up to "max-ring-pages" deprecated
	/// Written for two queues or more; these have their keys under `queue-0`, `queue-1` and so on.
	"multi-queue-num-queues"    u32 default 1 up to "multi-queue-max-queues"
	/// The layout of the ring's slots: one of the strings of `abi`.
	"protocol"                  string optional
	/// The front reuses its grants and lets the back map all of them writable.
	"feature-persistent"        bool default 0 both
	/// The front obeys a `sector-size` other than 512.
	"feature-large-sector-size" bool default 0
}

keys from toolstack in front by initialising {
	/// The number by which the front's domain knows the disk; 51712 is xvda.
	"virtual-device"     u32
	/// The same for numbers that don't fit the older format.
	"virtual-device-ext" u32 optional
	"device-type"        string default "disk"
	/// 0 asks the front to protect itself from the back.
	"trusted"            bool default 1
}
