// accepted: the tag is a group of bits
/// P.
protocol bit_param_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
bits control u32 { op = bits 8 to 11, arg = bits 12 to 27 }
struct request { control control, id u32 }
struct response { id u32, status status, pad u16 }
ring requests {
	request  request
	response response
	tag      control.op
	id       id
	pages    "ring-ref"
	channel  "event-channel"
}

keys from front by initialised {
	"ring-ref"      gref
	"event-channel" port
}
/// A.
transaction a(control.arg) { form direct request { control.op = 5 } }
/// B.
transaction b() { form direct request { control.op = 9 } }
