/// Keys with defaults and bounds.
protocol keys

enum mode u8 { slow = 1, fast = 2 }

keys from front by initialised {
	"window"  u32 1 to 10 default 3
	"depth"   u32 default 40
	"shift"   i32 -9 to -2 default -4
	"mode"    mode default fast
	"maybe"   u32 1 to 5 optional
	"option"  u64 default 0xfffffffffffffff0
	"flavour" one of "sweet" or "sour" default "sour"
}

keys from back by init_wait {
	"size"  i32 -5 to 5 default -3
	"same"  i32 default as "size"
	"limit" u8 1 to 9 optional
}

/// Does nothing.
transaction nop(x u8)
