//go:build !race

package idl

const slowdown = 1
