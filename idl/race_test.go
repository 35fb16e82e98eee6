//go:build race

package idl

// slowdown is how much longer the race detector may take.
const slowdown = 20
