// accepted: a split by bytes, with forms of unlike size
/// P.
protocol split_results_b
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }
struct small { id u32, operation operation, n u16, start u64 in bytes, seg piece[n] up to 2 }
struct large { id u32, operation operation, n u16, start u64 in bytes, seg piece[n] up to 5 }
struct response { id u32, status status, pad u16 }
ring requests {
	request  small or large
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
transaction a(start, data bulk from front) {
	form direct small { operation = one, seg = data }
	form large large { operation = two, seg = data }
	split data advancing start
}
