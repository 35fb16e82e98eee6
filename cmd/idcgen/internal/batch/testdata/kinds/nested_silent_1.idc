// accepted: the outer field has the name of an inner one, which is the argument
/// P.
protocol nested_silent_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct hdr { length u32, start u32 }
struct request { id u32, operation operation, pad u16, start u32, hdr hdr, length u32 }
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
transaction a(hdr.start, length) { form direct request { operation = one } }
