// Package blobs is a store of blobs in another domain.
package blobs

//go:generate go tool idcgen gen -o . blobs.idc
