// accepted: no tag and two ABIs
/// P.
protocol notag_a
abi x86_32 "x86_32-abi" or absent
abi x86_64 "x86_64-abi"
status enum status u16 { fine = 0 means success, bad = 9 means failure }
struct request { id u64, x u64 }
struct response { id u64, status status, y u64 }
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
transaction a(x) -> (y) { form direct request {} }
