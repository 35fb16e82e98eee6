//go:build linux && race

package host_test

// canFault: the race detector does atomic accesses in C, where a fault can't become
// a panic.
const canFault = false
