// refused: a tag without a name
/// P.
protocol panic_b
struct request { id u32 }
ring r {
	request  request
	response request
	tag      and
	id       id
	pages    "p"
	channel  "c"
}
keys from front {
	"p" gref
	"c" port
}
enum tag 3
