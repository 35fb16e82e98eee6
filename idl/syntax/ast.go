package syntax

import "github.com/alecthomas/participle/v2/lexer"

// Decl is one top-level declaration: its documentation, its modifiers, and exactly one of the rest.
type Decl struct {
	Pos  lexer.Position
	Doc  []string `parser:"@Doc*"`
	Mods []*Mod   `parser:"@@*"`

	Protocol    *Protocol    `parser:"( 'protocol' @@"`
	Device      *Device      `parser:"| 'device' @@"`
	ABI         *ABI         `parser:"| 'abi' @@"`
	Const       *Const       `parser:"| 'const' @@"`
	Unit        *Unit        `parser:"| 'unit' @@"`
	Enum        *Enum        `parser:"| 'enum' @@"`
	Bits        *Bits        `parser:"| 'bits' @@"`
	Struct      *Struct      `parser:"| @@"`
	Union       *Union       `parser:"| 'union' @@"`
	Ring        *Ring        `parser:"| 'ring' @@"`
	Keys        *Keys        `parser:"| 'keys' @@"`
	Transaction *Transaction `parser:"| 'transaction' @@"`
	Message     *Message     `parser:"| 'message' @@"`
	Reserved    *Reserved    `parser:"| 'reserved' @@"`
	Region      *Region      `parser:"| 'region' @@ ) EOL?"`
}

// Mod is a word in front of a declaration.
type Mod struct {
	Pos  lexer.Position
	Text string `parser:"@('frozen' | 'open' | 'status' | 'stream')"`
}

// Name is an identifier.
type Name struct {
	Pos  lexer.Position
	Text string `parser:"@Ident"`
}

// Path is a name, or names with dots between: from a struct into its members.
type Path struct {
	Pos   lexer.Position
	Parts []*Name `parser:"@@ ( '.' @@ )*"`
}

// Str is text in quotes. Text keeps them.
type Str struct {
	Pos  lexer.Position
	Text string `parser:"@String"`
}

// Value is a number: written out, perhaps in kibibytes, or the name of a constant or of an enum's value.
type Value struct {
	Pos    lexer.Position
	Minus  bool   `parser:"( @'-'?"`
	Number string `parser:"  @Number"`
	Scale  string `parser:"  @( 'KiB' | 'MiB' | 'GiB' | 'bytes' )?"`
	Name   *Name  `parser:"| @@ )"`
}

// Protocol opens the file.
type Protocol struct {
	Pos     lexer.Position
	Name    *Name  `parser:"@@"`
	Version *Value `parser:"( 'version' @@ )?"`
}

// Device names the device type in the store.
type Device struct {
	Pos   lexer.Position
	Front *Str   `parser:"@@"`
	Backs []*Str `parser:"( 'back' @@ ( 'or' @@ )* )?"`
}

// ABI is a layout that the protocol may be spoken in.
type ABI struct {
	Pos    lexer.Position
	Name   *Name `parser:"@@"`
	String *Str  `parser:"@@?"`
	Absent bool  `parser:"( @'or' 'absent' )?"`
}

// Const is a named number.
type Const struct {
	Pos   lexer.Position
	Name  *Name  `parser:"@@"`
	Unit  *Name  `parser:"( 'in' @@ )?"`
	Value *Value `parser:"'=' @@"`
}

// Unit is a measure.
type Unit struct {
	Pos  lexer.Position
	Name *Name  `parser:"@@"`
	Size *Value `parser:"( '=' @@ )?"`
}

// Enum is a set of named numbers.
type Enum struct {
	Pos   lexer.Position
	Name  *Name       `parser:"@@"`
	Type  *Name       `parser:"@@"`
	Items []*EnumItem `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
}

// EnumItem is a value, or numbers that may not become one.
type EnumItem struct {
	Pos      lexer.Position
	Doc      []string  `parser:"@Doc*"`
	Name     *Name     `parser:"( @@ '='"`
	Value    *Value    `parser:"  @@"`
	Roles    []*Name   `parser:"  ( 'means' @@ ( 'and' @@ )* )?"`
	Since    *Value    `parser:"  ( 'since' @@ )?"`
	Reserved *Reserved `parser:"| 'reserved' @@ )"`
}

// Reserved is a list of numbers and ranges.
type Reserved struct {
	Pos    lexer.Position
	Ranges []*Range `parser:"@@ ( 'and' @@ )*"`
}

// Range is a number, or all from one to another.
type Range struct {
	Pos   lexer.Position
	First *Value `parser:"@@"`
	Last  *Value `parser:"( 'to' @@ )?"`
}

// Bits is an integer whose bits have names.
type Bits struct {
	Pos   lexer.Position
	Name  *Name      `parser:"@@"`
	Type  *Name      `parser:"@@"`
	Items []*BitItem `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
}

// BitItem is one bit or a group of them.
type BitItem struct {
	Pos   lexer.Position
	Doc   []string `parser:"@Doc*"`
	Name  *Name    `parser:"@@ '='"`
	First *Value   `parser:"( 'bit' @@ | 'bits' @@"`
	Last  *Value   `parser:"  'to' @@ )"`
	As    *Name    `parser:"( 'as' @@ )?"`
	Since *Value   `parser:"( 'since' @@ )?"`
}

// Struct is a record; as a segment, one that describes a piece of a granted page.
type Struct struct {
	Pos    lexer.Position
	Kind   string   `parser:"@( 'struct' | 'segment' )"`
	Name   *Name    `parser:"@@"`
	Size   *Value   `parser:"( 'size' @@ )?"`
	Fields []*Field `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
}

// Field is a member; in a segment it may be the `covers` line instead.
type Field struct {
	Pos    lexer.Position
	Doc    []string `parser:"@Doc*"`
	Covers *Covers  `parser:"( 'covers' @@"`
	Name   *Name    `parser:"| @@"`
	Type   *Type    `parser:"  @@"`
	At     *Value   `parser:"  ( 'at' @@ )?"`
	On     []*Name  `parser:"  ( 'on' @@ ( 'and' @@ )* )?"`
	Names  bool     `parser:"  ( @'names' 'request' )?"`
	When   []*Value `parser:"  ( 'when' @@ ( 'or' @@ )* )?"`
	Since  *Value   `parser:"  ( 'since' @@ )?"`
	Source *Source  `parser:"  ( '=' @@ )? )"`
}

// Union is several layouts of the same bytes.
type Union struct {
	Pos     lexer.Position
	Name    *Name    `parser:"@@"`
	Members []*Field `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
}

// Covers says which piece of the page a segment is: `first to last`, both included, or `length from offset`.
type Covers struct {
	Pos   lexer.Position
	Left  *Name  `parser:"@@"`
	Word  string `parser:"@( 'to' | 'from' )"`
	Right *Name  `parser:"@@"`
}

// Type is the type of a field or argument.
type Type struct {
	Pos   lexer.Position
	Name  *Name  `parser:"@@"`
	Array *Array `parser:"@@?"`
	Unit  *Name  `parser:"( 'in' @@ )?"`
	Tag   *Path  `parser:"( 'by' @@ )?"`
	Bound *Value `parser:"( 'up' 'to' @@ )?"`
	Pages *Pages `parser:"( 'to' 'pages' 'of' @@ )?"`
}

// Array is the number of elements, or the field that counts them; empty, the compiler adds such a field.
type Array struct {
	Pos    lexer.Position
	Number *Value  `parser:"'[' ( @@"`
	More   []*Name `parser:"     ( '.' @@ )* )? ']'"`
}

// Pages says what the pages behind grant references hold.
type Pages struct {
	Pos   lexer.Position
	Elem  *Name  `parser:"@@"`
	Count *Path  `parser:"'[' @@ ']'"`
	Bound *Value `parser:"( 'up' 'to' @@ )?"`
}

// Source says where a field's value comes from.
type Source struct {
	Pos      lexer.Position
	LengthOf *Name  `parser:"( 'length' 'of' @@"`
	Number   *Value `parser:"| ( ?= ( '-' | Number ) ) @@"`
	Path     *Path  `parser:"| @@"`
	Then     *Name  `parser:"  ( 'then' @@"`
	Counted  *Path  `parser:"    'counted' @@ )? )"`
}

// Ring is a ring of slots, or with the modifier stream one of bytes.
type Ring struct {
	Pos   lexer.Position
	Name  *Name       `parser:"@@"`
	Items []*RingItem `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
}

// RingItem is one line of a ring.
type RingItem struct {
	Pos      lexer.Position
	Request  []*Name     `parser:"( 'request' @@ ( 'or' @@ )*"`
	Response []*Name     `parser:"| 'response' @@ ( 'or' @@ )*"`
	Tags     []*Path     `parser:"| 'tag' @@ ( 'and' @@ )*"`
	ID       *Path       `parser:"| 'id' @@"`
	Pages    *RingPages  `parser:"| 'pages' @@"`
	Queues   *RingQueues `parser:"| 'queues' @@"`
	Channel  *Str        `parser:"| 'channel' @@"`
	Kept     *Str        `parser:"| 'persistent' @@"`
	Sizes    *Str        `parser:"| 'slot' ( 'by' @@"`
	Slot     *Value      `parser:"| @@ ) )"`
}

// RingPages names the keys that publish the ring's pages.
type RingPages struct {
	Pos   lexer.Position
	Ref   *Str `parser:"@@"`
	Refs  *Str `parser:"( 'or' @@"`
	Order *Str `parser:"  'order' @@"`
	Max   *Str `parser:"  ( 'up' 'to' @@ )? )?"`
}

// RingQueues names the keys by which there may be several of the ring.
type RingQueues struct {
	Pos    lexer.Position
	Number *Str `parser:"@@"`
	Max    *Str `parser:"'up' 'to' @@"`
	Under  *Str `parser:"'under' @@"`
}

// Keys is a block of keys that one side publishes.
type Keys struct {
	Pos   lexer.Position
	From  *Name  `parser:"'from' @@"`
	In    *Name  `parser:"( 'in' @@ )?"`
	By    *Name  `parser:"( 'by' @@ )?"`
	Items []*Key `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
}

// Key is one key.
type Key struct {
	Pos   lexer.Position
	Doc   []string   `parser:"@Doc*"`
	Name  *Str       `parser:"@@"`
	Type  *KeyType   `parser:"@@"`
	Attrs []*KeyAttr `parser:"@@*"`
}

// KeyType is how the value is spelled and what it means.
type KeyType struct {
	Pos   lexer.Position
	OneOf []*Str `parser:"( 'one' 'of' @@ ( 'or' @@ )*"`
	Pair  bool   `parser:"| ( @'pair' 'of' )?"`
	Hex   bool   `parser:"  @'hex'?"`
	Name  *Name  `parser:"  @@"`
	Unit  *Name  `parser:"  ( 'in' @@ )? )"`
}

// KeyAttr is one more thing to say about a key.
type KeyAttr struct {
	Pos        lexer.Position
	Default    *KeyDefault `parser:"( 'default' @@"`
	Optional   bool        `parser:"| @'optional'"`
	Deprecated bool        `parser:"| @'deprecated'"`
	Both       bool        `parser:"| @'both'"`
	Minimum    bool        `parser:"| @'minimum'"`
	UpTo       *Bound      `parser:"| 'up' 'to' @@"`
	By         *Name       `parser:"| 'by' @@"`
	PerQueue   bool        `parser:"| @'per' 'queue'"`
	Each       *KeyRange   `parser:"| 'each' @@"`
	Since      *Value      `parser:"| 'since' @@"`
	Range      *KeyRange   `parser:"| (?= '-' | Number ) @@ )"`
}

// KeyDefault is what an absent key counts as.
type KeyDefault struct {
	Pos    lexer.Position
	As     *Str   `parser:"( 'as' @@"`
	Text   *Str   `parser:"| @@"`
	Number *Value `parser:"| @@ )"`
}

// KeyRange is the numbers that a key, or the %u in its name, may take.
type KeyRange struct {
	Pos   lexer.Position
	First *Value `parser:"@@ 'to'"`
	Last  *Bound `parser:"@@"`
}

// Bound is a number or the key that holds it.
type Bound struct {
	Pos    lexer.Position
	Key    *Str   `parser:"( @@"`
	Number *Value `parser:"| @@ )"`
}

// Transaction is a request and its response.
type Transaction struct {
	Pos     lexer.Position
	Name    *Name     `parser:"@@"`
	Params  []*Param  `parser:"'(' ( @@ ( ',' @@? )* )? ')'"`
	Results []*Param  `parser:"( '->' '(' ( @@ ( ',' @@? )* )? ')' )?"`
	Clauses []*Clause `parser:"@@*"`
	Body    *Body     `parser:"@@?"`
}

// Message is one way.
type Message struct {
	Pos     lexer.Position
	Name    *Name     `parser:"@@"`
	Params  []*Param  `parser:"'(' ( @@ ( ',' @@? )* )? ')'"`
	From    *Name     `parser:"'from' @@"`
	Clauses []*Clause `parser:"@@*"`
	Body    *Body     `parser:"@@?"`
}

// Param is an argument or result: a field of the form's struct, or a name with a type of its own.
type Param struct {
	Pos   lexer.Position
	Doc   []string `parser:"@Doc*"`
	Path  *Path    `parser:"@@"`
	Bulk  *Bulk    `parser:"( @@"`
	Type  *Type    `parser:"| @@ )?"`
	Since *Value   `parser:"( 'since' @@ )?"`
}

// Bulk is the type of an argument that travels beside the ring.
type Bulk struct {
	Pos  lexer.Position
	Elem *Name  `parser:"'bulk' ( 'of' @@ )?"`
	From *Name  `parser:"( 'from' @@"`
	Both bool   `parser:"| @'both' 'ways' )"`
	Max  *Value `parser:"( 'up' 'to' @@ )?"`
}

// Clause is one word or phrase after a signature.
type Clause struct {
	Pos        lexer.Position
	Replay     bool   `parser:"( @'replay'"`
	Idempotent bool   `parser:"  @'idempotent'?"`
	Fail       bool   `parser:"| @'fail'"`
	Credit     bool   `parser:"| @'credit'"`
	Option     bool   `parser:"| @'optional'"`
	Quota      *Value `parser:"| 'quota' @@"`
	When       *Str   `parser:"| 'when' @@"`
	On         *Name  `parser:"| 'on' @@"`
	Number     *Value `parser:"| 'number' @@"`
	Since      *Value `parser:"| 'since' @@ )"`
}

// Body draws a transaction or message on an existing ABI.
type Body struct {
	Pos   lexer.Position
	Items []*BodyItem `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
}

// BodyItem is a form or a rule about them.
type BodyItem struct {
	Pos   lexer.Position
	Doc   []string `parser:"@Doc*"`
	Form  *Form    `parser:"( 'form' @@"`
	Split *Split   `parser:"| 'split' @@ )"`
}

// Split says that a long bulk may become several requests.
type Split struct {
	Pos   lexer.Position
	Bulk  *Name `parser:"@@"`
	Start *Name `parser:"'advancing' @@"`
}

// Form is one spelling on the wire.
type Form struct {
	Pos      lexer.Position
	Name     *Name     `parser:"@@"`
	Struct   *Name     `parser:"@@"`
	Response *Name     `parser:"( '->' @@ )?"`
	When     *Str      `parser:"( 'when' @@ )?"`
	Limit    *Str      `parser:"( 'up' 'to' @@ )?"`
	Items    []*Assign `parser:"'{' ( @@ ( ( ',' | EOL ) @@? )* )? '}'"`
	Then     *Name     `parser:"( 'then' @@ )?"`
}

// Assign gives a field its value.
type Assign struct {
	Pos    lexer.Position
	Target *Path   `parser:"@@ '='"`
	Source *Source `parser:"@@"`
}

// Region is shared memory that is not a channel. The grammar keeps its place; nothing is generated yet.
type Region struct {
	Pos   lexer.Position
	Name  *Name  `parser:"@@"`
	Size  *Value `parser:"'size' @@"`
	From  *Name  `parser:"'from' @@"`
	Write bool   `parser:"( @'writable' )?"`
}
