// accepted: an array of structs of which the inner one varies
/// P.
protocol abi_array_a
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct inner { a u8, b u64 }
struct outer { n u32, list inner[2], c u16 }
struct request { id u32, operation operation, pad u16, list outer[2], tail u32 }
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
transaction get(list, tail) { form direct request { operation = one } }
