/// An example.
protocol example

unit sectors = 512 bytes

status enum status u32 { ok = 0 means success, failed = 1 means failure }

struct request { id u32, start u32 in sectors }

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

/// Reads.
transaction read(offset u32 in bytes) -> (result) {
	form direct request { start = offset }
}
