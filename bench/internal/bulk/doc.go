// Package bulk holds the stubs of what the benchmark measures bulk data with.
package bulk

//go:generate go tool idcgen gen -o . bulk.idc
