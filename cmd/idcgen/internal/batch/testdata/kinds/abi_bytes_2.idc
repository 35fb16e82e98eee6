// accepted: counted structs whose count moves
/// P.
protocol abi_bytes_b
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct e { a u16, b u16 }
struct request { id u32, operation operation, pad u16, x u32, y i64, n u16, list e[n] up to 4 }
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
transaction put(list, y) { form direct request { operation = one } }
