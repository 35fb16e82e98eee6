// The USB interface of Xen, as the public header xen/include/public/io/usbif.h defines it.

/// Xen's paravirtual USB, usbif: a front has a virtual host controller, whose ports the back fills with real devices.
///
/// The front sends USB requests (URBs) on one ring. On the other it posts credit, and the back tells by it which
/// port a device came to or left. All layouts are the same on every ABI, so no `protocol` key is needed; fronts write none
/// or any.
frozen protocol usb

/// The header says device/qusb; the fronts and toolstacks in use say device/vusb. Linux's back is vusb, QEMU's is qusb.
device "vusb" back "qusb" or "vusb"

unit frames
unit milliseconds
unit packets

const max_segments_per_request = 16
/// The highest number of a port; the first is 1.
const max_portnr = 31
/// Each ring is one page.
const ring_size in bytes = 4096

/// The version of USB that the host controller speaks.
open enum spec_version u8 {
	unknown = 0
	usb11   = 1
	usb20   = 2
	/// Not supported by anyone yet.
	usb30   = 3
}

/// How an endpoint transfers data.
enum transfer u8 { isochronous = 0, interrupt = 1, control = 2, bulk = 3 }

/// How fast a device is.
open enum speed u8 {
	/// There is no device: it was unplugged.
	none = 0
	low  = 1
	full = 2
	high = 3
}

/// How a request ended: Linux's error numbers.
open status enum status i32 {
	ok       = 0 means success
	/// There is no such device.
	nodev    = -19
	/// The request makes no sense.
	inval    = -22 means malformed and unsupported
	/// The endpoint is stalled.
	stall    = -32
	ioerror  = -71 means failure
	/// The device sent more than was asked for.
	babble   = -75
	/// The device or controller went away.
	shutdown = -108
}

/// Where a request goes, and what kind it is.
bits pipe u32 {
	/// From 1 to `num-ports`.
	port     = bits 0 to 4
	/// It cancels another request instead of transferring anything.
	unlink   = bit 5
	/// From device to host.
	in       = bit 7
	/// The device's address on the bus.
	device   = bits 8 to 14
	endpoint = bits 15 to 18
	type     = bits 30 to 31 as transfer
}

bits transfer_flags u16 {
	/// Less data than asked for is an error.
	short_not_ok = bit 0
}

/// A piece of one granted page.
segment request_segment {
	gref   gref
	offset u16 in bytes
	length u16 in bytes
	covers length from offset
}

struct isoc_data {
	interval           u16 in milliseconds
	start_frame        u16 in frames
	number_of_packets  u16 in packets
	nr_frame_desc_segs u16
}

struct intr_data {
	interval u16 in milliseconds
	pad      u16[3]
}

struct unlink_data {
	/// The id of the request to cancel.
	unlink_id u16 names request
	pad       u16[3]
}

/// What depends on the kind of request.
union urb_data {
	/// The setup packet.
	ctrl   u8[8]
	isoc   isoc_data
	intr   intr_data
	unlink unlink_data
}

/// One packet of an isochronous transfer. Linux's fronts and backs agree on this; the header doesn't say it.
struct iso_packet {
	offset        u32 in bytes
	length        u32 in bytes
	actual_length u32 in bytes
	status        status
}

struct urb_request {
	id             u16
	/// How many segments of data there are, without those of packet descriptors that follow them.
	nr_buffer_segs u16
	pipe           pipe
	transfer_flags transfer_flags
	buffer_length  u16 in bytes = length of seg
	u              urb_data
	seg            request_segment[nr_buffer_segs] up to max_segments_per_request
}

struct urb_response {
	id            u16
	/// The frame in which an isochronous transfer started.
	start_frame   u16 in frames
	status        status
	/// How much was transferred.
	actual_length i32 in bytes
	/// How many packets of an isochronous transfer failed.
	error_count   i32 in packets
}

struct conn_request {
	id u16
}

struct conn_response {
	id      u16
	portnum u8
	speed   speed
}

/// Transfers and their cancellation.
ring urb {
	request  urb_request
	response urb_response
	tag      pipe.unlink and pipe.type and pipe.in
	id       id
	pages    "urb-ring-ref"
	channel  "event-channel"
}

/// Devices that come and go.
ring conn {
	request  conn_request
	response conn_response
	id       id
	pages    "conn-ring-ref"
	channel  "event-channel"
}

/// Asks a device by a setup packet, and reads what it answers.
transaction control_in(pipe.port, pipe.device, pipe.endpoint, transfer_flags, u.ctrl, data bulk from back)
	-> (actual_length) fail on urb {
	form direct urb_request { pipe.unlink = 0, pipe.type = control, pipe.in = 1, seg = data }
}

/// Tells a device something by a setup packet and data.
transaction control_out(pipe.port, pipe.device, pipe.endpoint, transfer_flags, u.ctrl, data bulk from front)
	-> (actual_length) fail on urb {
	form direct urb_request { pipe.unlink = 0, pipe.type = control, pipe.in = 0, seg = data }
}

/// Reads from a bulk endpoint.
transaction bulk_in(pipe.port, pipe.device, pipe.endpoint, transfer_flags, data bulk from back)
	-> (actual_length) fail on urb {
	form direct urb_request { pipe.unlink = 0, pipe.type = bulk, pipe.in = 1, seg = data }
}

/// Writes to a bulk endpoint.
transaction bulk_out(pipe.port, pipe.device, pipe.endpoint, transfer_flags, data bulk from front)
	-> (actual_length) fail on urb {
	form direct urb_request { pipe.unlink = 0, pipe.type = bulk, pipe.in = 0, seg = data }
}

/// Waits until an interrupt endpoint has something to read.
transaction interrupt_in(pipe.port, pipe.device, pipe.endpoint, transfer_flags, u.intr.interval, data bulk from back)
	-> (actual_length) fail on urb {
	form direct urb_request { pipe.unlink = 0, pipe.type = interrupt, pipe.in = 1, seg = data }
}

/// Writes to an interrupt endpoint.
transaction interrupt_out(pipe.port, pipe.device, pipe.endpoint, transfer_flags, u.intr.interval, data bulk from front)
	-> (actual_length) fail on urb {
	form direct urb_request { pipe.unlink = 0, pipe.type = interrupt, pipe.in = 0, seg = data }
}

/// Reads packets at a fixed rate. Their descriptors travel both ways, in segments after those of the data.
transaction isochronous_in(pipe.port, pipe.device, pipe.endpoint, transfer_flags, u.isoc.interval, u.isoc.start_frame,
	u.isoc.number_of_packets, data bulk from back, packets bulk of iso_packet both ways)
	-> (start_frame, actual_length, error_count) fail on urb {
	form direct urb_request {
		pipe.unlink = 0, pipe.type = isochronous, pipe.in = 1
		seg = data then packets counted u.isoc.nr_frame_desc_segs
	}
}

/// Writes packets at a fixed rate.
transaction isochronous_out(pipe.port, pipe.device, pipe.endpoint, transfer_flags, u.isoc.interval, u.isoc.start_frame,
	u.isoc.number_of_packets, data bulk from front, packets bulk of iso_packet both ways)
	-> (start_frame, actual_length, error_count) fail on urb {
	form direct urb_request {
		pipe.unlink = 0, pipe.type = isochronous, pipe.in = 0
		seg = data then packets counted u.isoc.nr_frame_desc_segs
	}
}

/// Cancels a request. Both are answered, the cancelled one first.
transaction unlink(pipe.port, pipe.in, pipe.device, pipe.endpoint, pipe.type, u.unlink.unlink_id) fail on urb {
	form direct urb_request { pipe.unlink = 1 }
}

/// A device came to a port, or with speed none left it.
message port_changed(portnum, speed) from back credit on conn {
	form direct conn_response {}
}

keys from toolstack in back by initialising {
	/// How many ports the host controller has.
	"num-ports" u8 1 to max_portnr
	"usb-ver"   spec_version 1 to 2
	/// What is plugged into the port, as Linux names it, such as 3-1.5. Empty: nothing.
	"port/%u"   string optional each 1 to "num-ports"
	/// Which kind of back serves it.
	"type"      string optional
}

keys from front by connected {
	/// The event channel of both rings.
	"event-channel" port
	"urb-ring-ref"  gref
	"conn-ring-ref" gref
	/// Means nothing, since the layout is the same on all of them. Linux's front never writes it.
	"protocol"      string optional
}
