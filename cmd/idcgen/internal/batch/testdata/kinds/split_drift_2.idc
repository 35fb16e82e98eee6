// accepted: a unit that is the grain
/// P.
protocol split_drift_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
unit sectors = 512 bytes
segment piece { gref gref, first u8 in sectors, last u8 in sectors, pad u16, covers first to last }
struct request { id u32, operation operation, pad u16, start u32 in sectors, n u32, seg piece[n] up to 3 }
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
transaction a(start, data bulk from front) {
	form direct request { operation = one, seg = data }
	split data advancing start
}
