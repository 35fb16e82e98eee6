// Package blk holds the stubs of Xen's block device interface, which idcgen made of
// protocols/blk.idc: a front end that uses a disk and a back end that serves one.
package blk

//go:generate go tool idcgen gen -o . ../../protocols/blk.idc
