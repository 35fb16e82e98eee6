// accepted: the same in a response
/// P.
protocol nested_silent_b
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
struct hdr { id u32, value u64be }
struct request { id u32, operation operation, pad u16, x u32 }
struct response { id u32, status status, pad u16, value u64, hdr hdr }
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
transaction a(x) -> (hdr.value) { form direct request { operation = one } }
