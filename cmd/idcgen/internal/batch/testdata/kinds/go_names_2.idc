// accepted: arguments called like what functions need, or refused
/// P.
protocol go_names_b
/// A.
transaction go(ctx u8, f u16, t u32, err u8, string u8, idc u8, done u8, nil u8) -> (s u8, ok u8, func u8)
/// B.
transaction string(b u8, m u8, len u8) -> (error u8)
