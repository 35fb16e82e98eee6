/// An example.
protocol example

keys from back by connected {
	"feature" bool default 0 both
}

keys from front by initialised {
	"feature" bool default 0 both
}
