// Package channel runs commands in a guest over whatever byte stream leads there: a
// virtio-serial port, a Xen console, a Unix socket, or another command's standard
// input and output.
//
//	test ── socket ── Hub ── virtio-serial ── Serve (dom0) ── commands
//	                                             │
//	                              a command: connect to a Hub in dom0
//	                                             │
//	                          Hub ── Xen console ── Serve (domU) ── commands
//
// The stream needn't be clean. A kernel prints on its console when it likes, so what
// isn't a whole [Frame] with the right checksums is set aside as noise, and a frame
// that noise destroyed is noticed by the gap in the numbers.
package channel
