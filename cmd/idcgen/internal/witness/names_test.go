package witness

// header says which C names stand for those of a protocol file. A name that isn't listed is a mistake, in either
// direction, unless it is excluded with a reason.
type header struct {
	file     string            // below /usr/include
	protocol string            // protocol file
	prefixes []string          // of the header's own constants
	records  map[string]string // struct or union: C type
	rings    map[string]string // ring: name given to DEFINE_RING_TYPES
	consts   map[string]string // constant, enum.value, bits.group or abi.name: C expression
	// excluded: what one side has and the other hasn't, by its C name or its own, and why.
	excluded map[string]string
}

var blkif = header{
	file:     "xen/io/blkif.h",
	protocol: "blk.idc",
	prefixes: []string{"BLKIF_", "VDISK_", "XEN_IO_PROTO_ABI_"},
	records: map[string]string{
		"segment":          "struct blkif_request_segment",
		"request":          "struct blkif_request",
		"request_discard":  "struct blkif_request_discard",
		"request_indirect": "struct blkif_request_indirect",
		"response":         "struct blkif_response",
	},
	rings: map[string]string{"requests": "blkif"},
	consts: map[string]string{
		"max_segments_per_request":       "BLKIF_MAX_SEGMENTS_PER_REQUEST",
		"max_indirect_pages_per_request": "BLKIF_MAX_INDIRECT_PAGES_PER_REQUEST",
		"operation.read":                 "BLKIF_OP_READ",
		"operation.write":                "BLKIF_OP_WRITE",
		"operation.write_barrier":        "BLKIF_OP_WRITE_BARRIER",
		"operation.flush_diskcache":      "BLKIF_OP_FLUSH_DISKCACHE",
		"operation.discard":              "BLKIF_OP_DISCARD",
		"operation.indirect":             "BLKIF_OP_INDIRECT",
		"operation reserved 4":           "BLKIF_OP_RESERVED_1",
		"status.okay":                    "BLKIF_RSP_OKAY",
		"status.error":                   "BLKIF_RSP_ERROR",
		"status.eopnotsupp":              "BLKIF_RSP_EOPNOTSUPP",
		"discard_flags.secure":           "BLKIF_DISCARD_SECURE",
		"disk_info.cdrom":                "VDISK_CDROM",
		"disk_info.removable":            "VDISK_REMOVABLE",
		"disk_info.readonly":             "VDISK_READONLY",
		"abi.x86_64":                     "XEN_IO_PROTO_ABI_X86_64",
		"abi.x86_32":                     "XEN_IO_PROTO_ABI_X86_32",
		"abi.arm":                        "XEN_IO_PROTO_ABI_ARM",
	},
	excluded: map[string]string{
		"XEN_IO_PROTO_ABI_NATIVE": "a name for whichever of the others the compiler targets",
		"operation.extents":       "of xenidc, announced by a key of its own (docs/wire.md)",
	},
}

var usbif = header{
	file:     "xen/io/usbif.h",
	protocol: "usb.idc",
	prefixes: []string{"USBIF_", "USB_"},
	records: map[string]string{
		"request_segment": "struct usbif_request_segment",
		"urb_request":     "struct usbif_urb_request",
		"urb_response":    "struct usbif_urb_response",
		"conn_request":    "struct usbif_conn_request",
		"conn_response":   "struct usbif_conn_response",
		"urb_data":        "__typeof__(((struct usbif_urb_request *)0)->u)",
		"isoc_data":       "__typeof__(((struct usbif_urb_request *)0)->u.isoc)",
		"intr_data":       "__typeof__(((struct usbif_urb_request *)0)->u.intr)",
		"unlink_data":     "__typeof__(((struct usbif_urb_request *)0)->u.unlink)",
	},
	rings: map[string]string{"urb": "usbif_urb", "conn": "usbif_conn"},
	consts: map[string]string{
		"max_segments_per_request":    "USBIF_MAX_SEGMENTS_PER_REQUEST",
		"max_portnr":                  "USBIF_MAX_PORTNR",
		"ring_size":                   "USBIF_RING_SIZE",
		"spec_version.unknown":        "USB_VER_UNKNOWN",
		"spec_version.usb11":          "USB_VER_USB11",
		"spec_version.usb20":          "USB_VER_USB20",
		"spec_version.usb30":          "USB_VER_USB30",
		"transfer.isochronous":        "USBIF_PIPE_TYPE_ISOC",
		"transfer.interrupt":          "USBIF_PIPE_TYPE_INT",
		"transfer.control":            "USBIF_PIPE_TYPE_CTRL",
		"transfer.bulk":               "USBIF_PIPE_TYPE_BULK",
		"speed.none":                  "USBIF_SPEED_NONE",
		"speed.low":                   "USBIF_SPEED_LOW",
		"speed.full":                  "USBIF_SPEED_FULL",
		"speed.high":                  "USBIF_SPEED_HIGH",
		"status.ok":                   "USBIF_STATUS_OK",
		"status.nodev":                "USBIF_STATUS_NODEV",
		"status.inval":                "USBIF_STATUS_INVAL",
		"status.stall":                "USBIF_STATUS_STALL",
		"status.ioerror":              "USBIF_STATUS_IOERROR",
		"status.babble":               "USBIF_STATUS_BABBLE",
		"status.shutdown":             "USBIF_STATUS_SHUTDOWN",
		"pipe.port":                   "USBIF_PIPE_PORT_MASK",
		"pipe.unlink":                 "USBIF_PIPE_UNLINK",
		"pipe.in":                     "USBIF_PIPE_DIR",
		"pipe.device":                 "(uint32_t)USBIF_PIPE_DEV_MASK << USBIF_PIPE_DEV_SHIFT",
		"pipe.endpoint":               "(uint32_t)USBIF_PIPE_EP_MASK << USBIF_PIPE_EP_SHIFT",
		"pipe.type":                   "(uint32_t)USBIF_PIPE_TYPE_MASK << USBIF_PIPE_TYPE_SHIFT",
		"transfer_flags.short_not_ok": "USBIF_SHORT_NOT_OK",
		"slots of urb":                "USB_URB_RING_SIZE",
		"slots of conn":               "USB_CONN_RING_SIZE",
	},
	excluded: map[string]string{
		"iso_packet": "the header leaves the format of packet descriptors to Linux's struct usb_iso_packet_descriptor",
	},
}
