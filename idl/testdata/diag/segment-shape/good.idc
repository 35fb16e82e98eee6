/// An example.
protocol example

segment piece {
	gref   gref
	offset u16 in bytes
	length u16 in bytes
	covers length from offset
}

status enum status u32 { ok = 0 means success, failed = 1 means failure }

struct request { id u32, count u32, pieces piece[count] up to 8 }

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

/// Writes.
transaction write(data bulk from front) -> (result) {
	form direct request { pieces = data }
}
