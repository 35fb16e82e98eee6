// refused: the count of an array is an argument
/// P.
protocol count_arg_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct e { x u16 }
struct request { id u32, operation operation, pad u16, n u16, list e[n] up to 3 }
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
transaction a(list, n) { form direct request { operation = one } }
