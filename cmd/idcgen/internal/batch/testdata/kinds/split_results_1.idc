// refused: a split with two results, or refused
/// P.
protocol split_results_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }
struct request { id u32, operation operation, pad u16, start u64 in bytes, n u32, pad u32, seg piece[n] up to 3 }
struct response { id u32, status status, pad u16, x u32, y u32 }
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
transaction a(start, data bulk from back) -> (x, y) {
	form direct request { operation = one, seg = data }
	split data advancing start
}
