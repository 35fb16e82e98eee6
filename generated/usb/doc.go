// Package usb holds the types of Xen's USB interface and the encoding of its slots,
// which idcgen made of protocols/usb.idc. There are no stubs yet: the protocol has
// two rings and messages with credit.
package usb

//go:generate go tool idcgen gen -o . ../../protocols/usb.idc
