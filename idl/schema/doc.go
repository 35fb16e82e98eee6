// Package schema is a protocol after the compiler has understood it: every name resolved, every number known, every
// offset and size computed for every ABI. The generator, the layout table and the tests read this and nothing else.
//
// # What is where
//
//	Protocol
//	├── Device             the device type in the store: "vbd"; which ABIs, by which strings; the one assumed when absent
//	├── Units, Consts      sector = 512 bytes; max_segments = 11
//	├── Enums, Bits        named values; named bits and groups of bits inside one integer
//	├── Structs, Unions    fields with an offset per ABI; a Struct may be a segment (Struct.Segment != nil)
//	├── Status             the enum that answers carry, and which value plays which role
//	├── Keys               what each side finds in the store, one per directory and name
//	├── Rings              request and response slots, the tag and the id in them, the keys that publish them
//	├── Transactions       request and response, coupled by an id
//	└── Messages           one way
//
// # One model for both kinds of protocol
//
// A file that reproduces an existing ABI draws its structs, rings and forms itself. A file that only says
// `transaction get(key string up to 64) -> (value bytes up to 256)` gets them from the compiler: an operation enum, a
// request and a response struct per transaction, a segment struct, rings and their keys. Both arrive here in the same
// shape; Protocol.Chosen tells which it was, and nobody needs to ask.
//
// # Layout
//
// ABI is an index: X86_64, X86_32, ARM. Whatever depends on it is a PerABI array. A field that exists on some ABIs only
// (blkif's trailing pad on x86_32) has offset -1 on the others. Offsets are relative to the enclosing struct; a Path
// adds them up. In a protocol with Device.Independent all three columns are equal, which the compiler has checked.
//
// Integers are little-endian unless Type.BigEndian. Bytes that no field covers, and fields that nothing binds, are zero.
//
// # Transactions and forms
//
// A Transaction is the signature that a driver author sees: Params in written order, each either a scalar or a bulk
// buffer, and Results. It has one or more Forms, which are its spellings on the wire, cheapest first: the sender uses
// the first Form that is enabled (Form.Enable, Form.Limit) and whose segment arrays hold the bulk arguments.
//
// A Form names the request and response structs and gives every field of them a Source:
//
//	Form.Match     constants by which a receiver recognises this form; no other form on the ring matches them all
//	Form.Request   how the sender fills every other field of the request: constant, argument, id, device, length of a bulk
//	Form.Segments  which array carries which bulk argument, and where the number of its segments is written
//	Form.Response  how the answerer fills the response: status, result, or echo of a request's field
//
// Fields of arrays that Segments fills and their counts have no entry in Request. A receiver that finds no Form
// for a request answers it through Ring.Unknown; one that finds a Form whose counts, enums or bounds are broken answers
// it with the value of Status that plays RoleMalformed.
//
// # Order
//
// Every slice is in the order of the file's text (compiler-made declarations first), so that output made by ranging
// over them is deterministic. Nothing here changes after the compiler returns it, so it may be shared between goroutines.
package schema
