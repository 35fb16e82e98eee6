// Package echo holds the stubs of what the benchmark measures small transactions
// with.
package echo

//go:generate go tool idcgen gen -o . echo.idc
