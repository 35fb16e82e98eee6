/// Parts of a bulk start where the argument says.
protocol split

unit blocks = 4 KiB

status enum status u32 { ok = 0 means success, failed = 1 means failure, unknown = 2 means unsupported }

enum operation u32 { a = 1, b = 2, c = 3, d = 4 }

segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }

struct request { id u32, operation operation, start u8 in blocks, n u32, length u16 in bytes, seg piece[n] up to 2 }

struct response { id u32, status status }

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

/// Writes data to the blocks from start on.
transaction write(start, data bulk from front) {
	form direct request { operation = a, seg = data, length = length of data }
	split data advancing start
}
