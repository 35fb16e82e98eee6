package resolve

// foreign tells what somebody meant who writes a type as another language calls it, and why it isn't here: "" if nobody does.
func foreign(name string) (meant, why string) {
	if meant = foreignTypes[name]; meant != "" {
		return meant, "the types of numbers are u8 to u64 and i8 to i64"
	}
	switch name {
	case "float", "double", "float32", "float64", "f32", "f64":
		return "i64", "there are no fractions: two machines must agree on every bit, so send a number of a unit that is small enough"
	case "bulk":
		return "transaction NAME(DATA bulk from front up to 1 MiB)", "a bulk is lent for as long as a transaction lasts, so it is an argument of one, and nothing else"
	case "boolean", "_Bool":
		return "bool", "the flag is called so"
	case "str", "text":
		return "string up to 64", "text is a string, and has a bound"
	case "blob":
		return "bytes up to 256", "raw data are bytes, and have a bound"
	case "pointer", "ptr", "void", "uintptr":
		return "buffer", "an address means nothing to the other side"
	}
	return "", ""
}

// foreignTypes are the names that C, Go, Rust and the kernel give to our integers.
var foreignTypes = map[string]string{
	"int": "i32", "uint": "u32", "long": "i64", "ulong": "u64", "short": "i16", "ushort": "u16", "char": "u8", "byte": "u8",
	"uchar": "u8", "unsigned": "u32", "signed": "i32", "rune": "u32", "size_t": "u64", "ssize_t": "i64", "usize": "u64", "isize": "i64",
	"int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16", "uint32": "u32", "uint64": "u64",
	"int8_t": "i8", "int16_t": "i16", "int32_t": "i32", "int64_t": "i64",
	"uint8_t": "u8", "uint16_t": "u16", "uint32_t": "u32", "uint64_t": "u64",
	"s8": "i8", "s16": "i16", "s32": "i32", "s64": "i64", "le16": "u16", "le32": "u32", "le64": "u64",
	"be16": "u16be", "be32": "u32be", "be64": "u64be", "u8be": "u8", "u8le": "u8", "u16le": "u16", "u32le": "u32", "u64le": "u64",
	"grant_ref_t": "gref", "evtchn_port_t": "port", "domid_t": "domid",
}
