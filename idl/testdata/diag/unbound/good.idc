/// An example.
protocol example

status enum status u32 { ok = 0 means success, failed = 1 means failure }

struct request { id u32, value u32 }

struct response { id u32, status status, result u32 }

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

/// Doubles a number.
transaction double(number u32) -> (result) {
	form direct request { value = number }
}
