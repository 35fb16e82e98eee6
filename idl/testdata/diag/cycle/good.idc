/// An example.
protocol example

struct tree { value u32, left_id u32 }

/// Plants.
transaction plant(tree tree)
