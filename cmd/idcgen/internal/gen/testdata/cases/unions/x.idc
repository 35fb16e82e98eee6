/// A struct that only a union has, and a member that a tag tells of.
protocol unions

status enum status u32 { ok = 0 means success, failed = 1 means failure, unknown = 2 means unsupported }

enum operation u32 { a = 1, b = 2, c = 3, d = 4 }

enum which u32 { none = 0, one = 7 }

struct inner { x u32, y u16be }

union u { i inner, w u64 }

union tagged { one inner when one, other u32 when none }

struct request { id u32, operation operation, u u, which which, pad u32, tagged tagged by which }

struct response { id u32, status status }

ring requests {
	request  request
	response response
	tag      operation
	id       id
	pages    "ring-ref"
	channel  "event-channel"
}

keys from front by initialised {
	"ring-ref"      gref
	"event-channel" port
}

/// A whole union.
transaction a(u) { form direct request { operation = a } }

/// A path through one.
transaction b(tagged.one.y) { form direct request { operation = b, which = one, u.w = 0x0102030405060708 } }
