/// One of everything that stubs can carry, for the generator's tests.
protocol zoo

device "zoo"

unit cages
unit blocks = 4 KiB

const herd = 5

/// What eats it.
enum diet u8 { plants = 0, meat = 1 }

/// Where it is.
bits place u16 { row = bits 0 to 6, warm = bit 7, diet = bits 8 to 9 as diet }

/// One inhabitant.
struct animal {
	age u8
	diet diet
	tag u16be
	pad u32
	mass u64
	name bytes[3]
	pad bytes[5]
}

keys from back by init_wait {
	/// Is there room?
	"feature-guests" bool default 0
	/// Is there somebody who counts feathers?
	"feature-plumage" bool default 0
	"cages" u32 in cages 1 to 100
	"season" one of "summer" or "winter" default "summer"
	"keeper" string optional
}

keys from front by initialised {
	"visitors" i32 -5 to 1000 default 3
}

/// Counts what is in a cage.
transaction count(cage u32 in cages, place place, tame bool) -> (animals u16, oldest animal, grefs gref[2]) replay

/// Moves animals.
transaction move(herd animal up to 5, to cage_list) -> (moved u8)

struct cage_list { cages u32[4] }

/// Guests come, if there is room.
transaction invite(who domid, port port, name string up to 20) -> (pass buffer, note string up to 10) when "feature-guests"

/// Weighs a picture.
transaction weigh(from_block u64 in blocks, picture bulk from front up to 64 KiB) -> (weight i64)

/// Counts feathers, which not every keeper can.
transaction plumage(bird u8) -> (feathers u32) when "feature-plumage" optional

/// Shuts the zoo; called like a method that stubs have anyway.
transaction close(type u8, len u8)
