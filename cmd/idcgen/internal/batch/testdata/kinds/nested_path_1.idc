// accepted: paths of three names, in both directions
/// P.
protocol nested_path_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct low { a u16, b u16 }
struct high { x u32, low low }
struct request { id u32, operation operation, pad u16, first high, second high }
struct response { id u32, status status, pad u16, high high }
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
transaction a(second.low.a, first.x, first.low.b) -> (high.low.b, high.x) { form direct request { operation = one, second.x = 77 } }
