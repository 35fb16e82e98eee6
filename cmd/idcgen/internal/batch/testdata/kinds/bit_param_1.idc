// accepted: three groups are arguments, one a flag, one a result
/// P.
protocol bit_param_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
open bits flags u16 { on = bit 0, level = bits 3 to 9, top = bits 13 to 15 }
struct request { id u32, operation operation, pad u16, flags flags, pad u16 }
struct response { id u32, status status, flags flags }
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
transaction a(flags.on, flags.level, flags.top) -> (flags.level) { form direct request { operation = one } }
