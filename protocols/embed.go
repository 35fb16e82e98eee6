// Package protocols holds the protocol files that come with xenidc, as their text.
package protocols

import "embed"

// Files are the protocol files by name: blk.idc, usb.idc.
//
//go:embed *.idc
var Files embed.FS
