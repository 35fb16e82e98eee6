/// +build ignore
/// +build names everything as Go can't.
protocol disk_windows

const open = 4

unit error = 4 bytes

enum front u8 { type = 0, func = 1 }

struct service { len u32, type u8[open], pad u8[3], put u32 }

bits back u8 { read_byte = bits 0 to 3, go = bit 7 }

union export { error u32, string u16 }

struct group { export export, value back, pad u8[3] }

keys from back by init_wait {
	"option" u32 default 1
	"func"   string optional
	"1st"    u32 default 0
}

keys from front by initialised {
	"option" u32 default 1
}

/// +build ignore
transaction close(type front, len u32 in error, string bytes up to 4, err service, t u8, f u8, s u8, n u8, b u8, ctx u8, req u8) -> (err service, ok bool)

/// Sets.
transaction set(range u8, bit group) -> (result u8)

/// Handles.
transaction handle(data bulk from back up to 4 KiB, status front, done u8, segs u8)

/// Publishes.
transaction publish(nil u8, uint8 u16, idc u32, binary u64)

/// Reads.
transaction read_byte(x u8)
