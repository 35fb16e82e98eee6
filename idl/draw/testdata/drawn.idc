/// Everything that can be drawn.
///
/// Also "quotes" and `ticks`.
protocol drawn version 3

/// Devices.
device "d" back "e" or "d"
/// The old one.
abi x86_32 "old" or absent
abi x86_64 "new"

/// A measure.
unit blocks = 4 KiB
unit ticks

const a = -9223372036854775808
const b in bytes = 1 KiB
const c = 18446744073709551615

frozen open enum kind i64 {
	/// Low.
	low      = -9223372036854775808
	high     = 9223372036854775807
	reserved 3 and 5 to 9
}

open status enum status i16 {
	fine  = 0 means success
	bad   = -1 means failure and malformed and unsupported
	newer = 2 since 2
}

enum op u8 { one = 1, two = 2, three = 3, four = 4 }

open bits flags u32 { f = bit 0, g = bits 4 to 7, o = bits 30 to 31 as small since 2 }

enum small u8 { x = 0, y = 3 }

segment piece {
	gref   gref
	offset u16 in bytes
	length u16 in bytes
	covers length from offset
}

segment sector {
	gref   gref
	first  u8 in blocks
	last   u8 in blocks
	pad    u16
	covers first to last
}

union choice {
	i inner when 1 or 2
	w u64 when 7
}

union plain {
	p u32
	q bytes[12]
}

struct inner {
	h u16be
	n u16
	t u64
}

frozen struct request {
	op    op
	n     u8
	other u16 names request
	id    u32
	flags flags
	in    inner
	u     choice by in.n
	v     plain
	s     string[n] up to 7
	late  u64 at 128
	only  u8[3] on x86_32
	list  u16[other] in ticks up to 4
	ref   buffer
	dom   domid
	dev   u32 = device
	len   u32 in bytes = length of segs
	segs  piece[n] up to 5
}

struct paged {
	op    op
	n     u8
	m     u16
	id    u32
	pages gref[4] to pages of sector[m] up to 100
}

struct response {
	id     u32
	op     op = request.op
	what   u16
	status status
	more   bytes[what] up to 9
}

struct other {
	id     u32
	status status
	text   string up to 5
}

struct credit { id u32 }

struct event {
	id   u32
	kind kind
}

/// Requests.
ring first {
	request    request or paged
	response   response or other
	tag        op and flags.g and flags.f
	id         id
	pages      "ring-ref" or "ring-ref%u" order "order" up to "max-order"
	queues     "queues" up to "max-queues" under "queue-%u"
	channel    "evt"
	persistent "keep"
	slot       512
}

ring second {
	request  credit
	response event
	id       id
	pages    "event-ref"
	channel  "evt2"
}

/// Does one thing.
///
/// Twice.
transaction first_thing(in.h, flags.g, s, /// Data.
	data bulk from front up to 20 KiB, rest bulk of inner both ways) -> (more) replay idempotent quota 3 when "feature" on first since 2 {
	/// The usual one.
	form direct request when "feature" { op = one, flags.f = 1, segs = data then rest counted other, response.what = 7 }
	form again request { op = two, segs = data then rest counted other }
}

transaction paged_thing(m u16, data bulk from back) -> (text) on first {
	form direct paged -> other up to "most" { op = three, pages = data }
}

transaction flush() on first {
	form direct request { op = four, flags.o = y, in.t = c }
}

message happened(kind) from back credit on second {
	form direct event {}
}

keys from toolstack in back by initialising {
	"n/%u"  string optional each 1 to "num"
	"m%u"   hex u32 default 0 each 0 to 5
	"num"   u8 1 to 31
	"mode"  one of "r" or "w" default "w"
	"where" pair of hex u32 optional
}

keys from back by init_wait {
	"max-order"  u32 default 0
	"max-queues" u32 default 1
	/// A feature.
	"feature"    bool default 0
	"most"       u32 default 0
	"keep"       bool default 1 both
	"signed"     i64 in blocks -5 to 5 default -5
	"upto"       u64 up to 18446744073709551615 default 3 since 2
	"as"         u64 default as "upto" by connected
	"kind"       kind default low deprecated
	"bits"       hex flags default 0
}

keys from front by initialised {
	"ring-ref"   gref optional per queue
	"ring-ref%u" gref optional per queue
	"order"      u32 default 0 up to "max-order"
	"queues"     u32 1 to "max-queues" default 1
	"evt"        port per queue
	"evt2"       port
	"event-ref"  gref
	"keep"       bool default 0 both
	"text"       string default ""
	"both"       u32 default 3 minimum
}

keys from back { "both" u32 default 3 minimum }
