/// Strings of a fixed length, and units that only arrays have.
protocol text

unit sectors = 512 bytes

struct name { text string[4], list u16[2] in sectors }

/// Repeats what it is told.
transaction echo(name string[8], list u32[2] in sectors, inner name, names name up to 2) -> (name string[8], list u32[2] in sectors, inner name, names name up to 2)
