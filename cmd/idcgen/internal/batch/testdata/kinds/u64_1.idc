// accepted: the greatest numbers: of enums, constants, bits, keys, forms
/// P.
protocol u64_a
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
const most = 0xffffffffffffffff
enum big u64 { all = 18446744073709551615, high = 0x8000000000000000 }
enum low i64 { least = -9223372036854775808, most = 9223372036854775807 }
bits wide u64 { whole = bits 0 to 63 }
struct request { id u32, operation operation, pad u16, big big, low low, n u64, wide wide }
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
keys from back by init_wait { "x" u64 1 to 0xfffffffffffffffe default 0xfffffffffffffff0 }
/// A.
transaction a(low) { form direct request { operation = one, big = all, n = most, wide.whole = 0xfedcba9876543210 } }
