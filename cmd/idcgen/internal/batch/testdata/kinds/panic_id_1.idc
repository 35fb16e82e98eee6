// refused: the id of a ring isn't parsed
/// P.
protocol panic_a
struct request { x u32 }
struct response { y u32 }
ring r {
	request  request
	response response
	id       .
	pages    "ring-ref"
	channel  "event-channel"
}
