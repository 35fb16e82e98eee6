// accepted: an array of numbers of eight bytes, counted, in a response
/// P.
protocol abi_array_b
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct request { id u32, operation operation, pad u16, x u32 }
struct response { id u32, status status, n u16, a u32, list i64[n] up to 3, last u8 }
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
transaction get(x) -> (list, last) { form direct request { operation = two } }
