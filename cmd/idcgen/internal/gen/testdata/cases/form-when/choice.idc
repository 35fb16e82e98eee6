/// A form that may be used only if the back says so.
protocol choice

status enum status u32 { ok = 0 means success, failed = 1 means failure }
enum operation u32 { a = 1, big = 2 }

segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }

struct small { id u32, operation operation, n u32, seg piece[n] up to 2 }
struct large { id u32, operation operation, n u32, seg piece[n] up to 16 }
struct response { id u32, status status }

ring requests {
	request  small or large
	response response
	tag      operation
	id       id
	pages    "ring-ref"
	channel  "event-channel"
}

/// Sums up data.
transaction sum(data bulk from front) {
	form direct small { operation = a, seg = data }
	form big large when "feature-large" { operation = big, seg = data }
}

keys from back by init_wait { "feature-large" bool default 0 }
keys from front by initialised { "ring-ref" gref, "event-channel" port }
