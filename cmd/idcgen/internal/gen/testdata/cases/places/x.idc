/// Values go where paths lead.
protocol places

status enum status u32 { ok = 0 means success, failed = 1 means failure, unknown = 2 means unsupported }

enum operation u32 { a = 1, b = 2, c = 3, d = 4 }

bits flags u32 { read = bit 0, urgent = bit 5, kind = bits 8 to 11, addr = bits 16 to 23, n = bits 24 to 31, last = bit 12 }

struct hdr { pad u16, offset u16, length u32be, n u16 at 12 }

struct request { id u32, operation operation, offset u32, flags flags, hdr hdr, data bytes[hdr.n] up to 5, more u8[flags.n] up to 3 }

struct response { id u32, status status, flags flags, hdr hdr, text string[flags.n] up to 4 }

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

/// Constants of bits.
transaction a() { form direct request { operation = a, flags.urgent = 1, flags.kind = 3 } }

/// Paths and bits as arguments, beside a field of the same name.
transaction b(hdr.offset, flags.addr, flags.last, hdr.length) -> (flags.kind, flags.urgent, hdr.offset) {
	form direct request { operation = b, offset = 7 }
}

/// Counts elsewhere.
transaction c(data, more, flags.addr) -> (text) { form direct request { operation = c } }
