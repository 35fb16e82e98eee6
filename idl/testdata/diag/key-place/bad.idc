/// An example.
protocol example

keys from front in back by connected {
	"feature" bool default 0
}
