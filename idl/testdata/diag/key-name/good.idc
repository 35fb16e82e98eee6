/// An example.
protocol example

keys from back by connected {
	"feature-list" u32 default 0
}
