/// An example.
protocol example

status enum status u32 { ok = 0 means success, failed = 1 means failure }

struct small { kind u32, id u32, value u32 }

struct large { kind u32, id u32, value u64 }

struct response { id u32, status status, result u32 }

ring requests {
	request  small or large
	response response
	tag      kind
	id       id
	pages    "ring-ref"
	channel  "event-channel"
}

keys from front by initialised {
	"ring-ref"      gref
	"event-channel" port
}

/// Adds a small number.
transaction add_small(value) -> (result) {
	form direct small { kind = 1 }
}

/// Adds a large number.
transaction add_large(value) -> (result) {
	form direct large { kind = 2 }
}
