/// An example.
protocol example

keys from front by connected {
	"feature" bool default 0
}
