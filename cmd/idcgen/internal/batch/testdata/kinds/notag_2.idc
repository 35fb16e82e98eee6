// accepted: no tag, and a bulk
/// P.
protocol notag_b
status enum status u16 { fine = 0 means success, bad = 9 means failure }
segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }
struct request { id u16, n u16, seg piece[n] up to 3 }
struct response { id u16, status status }
ring requests {
	request  request
	response response
	id       id
	pages    "ring-ref"
	channel  "event-channel"
}

keys from front by initialised {
	"ring-ref"      gref
	"event-channel" port
}
/// A.
transaction a(data bulk from front) { form direct request { seg = data } }
