/// An example.
protocol example

keys from back by connected {
	"feature" bool default "yes"
}
