// accepted: a count two structs deep
/// P.
protocol count_nested_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct low { a u16, n u16 }
struct high { pad u32, low low }
struct request { id u32, operation operation, pad u16, high high, list u32[high.low.n] up to 5 }
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
transaction a(list) { form direct request { operation = one } }
