// accepted: a group by an enum is a constant, another an argument
/// P.
protocol bit_constant_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
enum speed u8 { slow = 1, fast = 6 }
bits flags u32 { speed = bits 4 to 6 as speed, n = bits 16 to 30 }
struct request { id u32, operation operation, pad u16, flags flags }
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
transaction a(flags.n) { form direct request { operation = one, flags.speed = fast } }
