package idc_test

import (
	"io"
	"net"
)

// pipe is a connection within the process.
func pipe() (a, b io.ReadWriteCloser) { return net.Pipe() }
