// Package echo holds the stubs of a protocol for tests and measurements: fixed
// arrays, and bulk data in both directions.
package echo

//go:generate go tool idcgen gen -o . echo.idc
