// Package kv holds the stubs of a small protocol: a store of values under keys. Its
// driver is in examples/kv/back, and a user of it in examples/kv/front.
package kv

//go:generate go tool idcgen gen -o . kv.idc
