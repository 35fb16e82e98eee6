// accepted: one in a drawn response
/// P.
protocol fixedstring_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct request { id u32, operation operation, pad u16, name string[8] }
struct response { id u32, status status, text string[6] }
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
transaction a(name) -> (text) { form direct request { operation = one } }
