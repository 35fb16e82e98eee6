// accepted: a tagged union with structs and enums
/// P.
protocol union_struct_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
enum kind u16 { x = 1, y = 2 }
enum colour u8 { red = 1, green = 2 }
struct inner { a u16, c colour, b u8 }
union u { i inner when x, c colour when y }
struct request { id u32, operation operation, pad u16, kind kind, u u by kind }
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
transaction a(kind, u) { form direct request { operation = one } }
