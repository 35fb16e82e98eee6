// accepted: three forms with more and more segments
/// P.
protocol forms_differ_a
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }
struct request_1 { id u32, operation operation, n u16, seg piece[n] up to 1 }
struct request_3 { id u32, operation operation, n u16, seg piece[n] up to 3 }
struct request_7 { id u32, operation operation, n u16, seg piece[n] up to 7 }
struct response { id u32, status status, pad u16 }
ring requests {
	request  request_1 or request_3 or request_7
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
transaction a(data bulk from front) {
	form f1 request_1 { operation = one, seg = data }
	form f3 request_3 { operation = two, seg = data }
	form f7 request_7 { operation = three, seg = data }
}
