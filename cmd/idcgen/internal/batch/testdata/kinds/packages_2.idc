// accepted: a name that Go would take for a processor's, or refused
/// P.
protocol card_arm64
/// A.
transaction a()
