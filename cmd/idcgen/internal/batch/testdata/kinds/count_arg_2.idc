// refused: the count of an array is a constant
/// P.
protocol count_arg_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct request { id u32, operation operation, pad u16, n u16, s string[n] up to 6 }
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
transaction a(s) { form direct request { operation = one, n = 4 } }
