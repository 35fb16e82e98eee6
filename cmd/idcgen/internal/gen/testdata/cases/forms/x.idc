/// Forms that depend on what the back end offers, with pieces of two kinds.
protocol forms

unit sectors = 512 bytes

status enum status u32 { ok = 0 means success, failed = 1 means failure, unknown = 2 means unsupported }

enum operation u32 { small = 1, large = 2, limited = 3, other = 4, only = 5 }

segment piece { gref gref, offset u16 in bytes, length u16 in bytes, covers length from offset }

segment half { first u8 in sectors, last u8 in sectors, pad u16, gref gref, covers first to last }

struct request_small { id u32, operation operation, n u32, seg piece[n] up to 2 }

struct request_large { id u32, operation operation, n u32, seg piece[n] up to 4 }

struct request_paged { id u32, operation operation, n u16, pad u8[2], grefs gref[2] to pages of piece[n] }

struct request_other { id u32, operation operation, n u32, seg half[n] up to 3 }

struct response { id u32, status status }

struct response_large { id u32, status status }

ring requests {
	request  request_small or request_large or request_paged or request_other
	response response or response_large
	tag      operation
	id       id
	pages    "ring-ref"
	channel  "event-channel"
}

keys from front by initialised {
	"ring-ref"      gref
	"event-channel" port
}

keys from back by init_wait {
	"feature-large" bool default 0
	"max-pieces"    u32 default 0
}

/// Has three forms.
transaction a(data bulk from front) {
	form small request_small { operation = small, seg = data }
	form large request_large -> response_large when "feature-large" { operation = large, seg = data }
	form paged request_paged up to "max-pieces" { operation = limited, grefs = data }
}

/// Has pieces of another kind.
transaction b(data bulk from front) { form direct request_other { operation = other, seg = data } }

/// Is there only if the back end offers its form.
transaction c() { form direct request_large when "feature-large" { operation = only } }
