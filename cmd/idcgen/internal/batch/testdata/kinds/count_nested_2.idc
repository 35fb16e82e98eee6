// accepted: a count that is a group of bits, beside another that is an argument
/// P.
protocol count_nested_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
bits flags u16 { n = bits 2 to 6, kind = bits 9 to 12 }
struct request { id u32, operation operation, pad u16, flags flags, data bytes[flags.n] up to 20, pad u16 }
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
transaction a(data, flags.kind) { form direct request { operation = one } }
