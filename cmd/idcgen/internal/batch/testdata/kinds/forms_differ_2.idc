// accepted: two transactions of unlike sizes
/// P.
protocol forms_differ_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
enum operation u16 { one = 3, two = 4, three = 5 }
segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }
struct small { id u32, operation operation, n u16, seg piece[n] up to 2 }
struct large { id u32, operation operation, n u16, x u64, seg piece[n] up to 9 }
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
transaction a(data bulk from back) { form direct small { operation = one, seg = data } }
/// B.
transaction b(x, data bulk from front) { form direct large { operation = two, seg = data } }
