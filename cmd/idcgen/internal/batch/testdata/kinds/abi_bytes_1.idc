// accepted: a string behind a number of eight bytes, and its count behind it
/// P.
protocol abi_bytes_a
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct request { id u32, operation operation, pad u16, a u32, b u64, s string[n] up to 9, n u8 }
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
transaction put(b, s) { form direct request { operation = one } }
