// accepted: defaults of both ends: an enum, signed, hexadecimal, text
/// P.
protocol front_default_a
enum mode u8 { slow = 2, fast = 5 }
keys from front by initialised {
	"mode" mode default fast
	"depth" i16 -4 to -1 default -2
	"magic" hex u32 default 3000
	"colour" one of "red" or "green" default "green"
}
keys from back by init_wait { "size" u64 512 to 4096 default 1024 }
/// A.
transaction a(x u8)
