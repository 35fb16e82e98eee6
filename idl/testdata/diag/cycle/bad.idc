/// An example.
protocol example

struct tree { value u32, left tree }

/// Plants.
transaction plant(tree tree)
