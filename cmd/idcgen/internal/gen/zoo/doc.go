// Package zoo holds the stubs of a protocol that has one of everything, for the
// generator's tests.
package zoo

//go:generate go tool idcgen gen -o . zoo.idc
