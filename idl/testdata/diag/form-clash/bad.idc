/// An example.
protocol example

status enum status u32 { ok = 0 means success, failed = 1 means failure }

enum operation u32 { add = 1, double = 2 }

struct request { id u32, operation operation, value u32 }

struct response { id u32, status status, result u32 }

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

/// Adds.
transaction add(value) -> (result) {
	form direct request { operation = add }
}

/// Doubles.
transaction double(value) -> (result) {
	form direct request { operation = add }
}
