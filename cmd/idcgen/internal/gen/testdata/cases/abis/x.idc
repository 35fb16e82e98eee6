/// Two layouts.
protocol abis

abi x86_64 "x86_64-abi"
abi x86_32 "x86_32-abi" or absent

status enum status u32 { ok = 0 means success, failed = 1 means failure, unknown = 2 means unsupported }

enum operation u32 { a = 1, b = 2, c = 3, d = 4 }

struct pair { a u32, b u64 }

struct request { id u32, operation operation, x u32, y u64, n u32, data bytes[n] up to 16, pairs pair[2] }

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

/// Counted bytes, and structs in an array.
transaction a(y, data, pairs) { form direct request { operation = a } }
