// accepted: groups of a bits field within a struct are given constants
/// P.
protocol bit_constant_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
bits flags u64 { top = bit 63, kind = bits 33 to 40 }
struct hdr { pad u32, more u32, flags flags }
struct request { id u32, operation operation, pad u16, hdr hdr, x u64 }
struct response { id u32, status status, pad u16 }
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
/// A.
transaction a(x) { form direct request { operation = one, hdr.flags.top = 1, hdr.flags.kind = 0xa5, hdr.more = 7 } }
