package schema

import "github.com/xenidc/idc/idl/diag"

// State is the XenbusState by which a key must be there.
type State string

// The states at which something is published (X:pub/io/xenbus.h).
const (
	Initialising State = "initialising"
	InitWait     State = "init_wait"
	Initialised  State = "initialised"
	Connected    State = "connected"
)

// Rule is how a value comes out of what was published.
type Rule string

// The rules.
const (
	Plain   Rule = ""        // what is written is what counts
	Agree   Rule = "both"    // true if both sides wrote true
	Minimum Rule = "minimum" // the lesser of both sides' numbers
)

// KeyForm is how a value is spelled in the store.
type KeyForm string

// The spellings. Numbers have no leading zeros and no sign unless their type has one.
const (
	Decimal KeyForm = "decimal"
	Hex     KeyForm = "hex"      // no prefix
	HexPair KeyForm = "hex pair" // two, with a colon between: MAJOR:MINOR
	Flag    KeyForm = "flag"     // 0 or 1
	Text    KeyForm = "text"
)

// Key is one entry that a side publishes in the store.
type Key struct {
	Name  string // as the store spells it, relative to the device's directory; may hold one %u
	Doc   string
	Pos   diag.Span
	In    Side // Front or Back: whose directory
	From  Side // who writes it: Front, Back or Toolstack
	Form  KeyForm
	Type  *Type    // an Int, Bool, EnumOf, BitsOf, Gref, Port or String
	OneOf []string // Text: the values it may have; empty: any

	Optional   bool // may be absent, and then means nothing
	Deprecated bool
	PerQueue   bool // under QueuePrefix when there are two or more queues
	Made       bool // the compiler added it
	// Default is what an absent key counts as; nil with Optional unset: its absence is an error at By.
	Default  *KeyDefault
	Min, Max *Number // of a number; nil: what the type holds
	MaxKey   *Key    // the value must not exceed that key's; absent there: its default
	Rule     Rule
	Peer     *Key // with a Rule: the key of the other side
	By       State
	First    int64 // with %u: the first index
	Last     *Key  // with %u: the key that says the last index, or nil when the ring's pages or queues tell
	// LastIndex is the last index if no key says it; 0: Last, or the ring's pages, do.
	LastIndex int64
	Since     int
}

// KeyDefault is a literal, or another key's value.
type KeyDefault struct {
	Number Number
	Text   string
	Key    *Key // non-nil: the value of this key
}
