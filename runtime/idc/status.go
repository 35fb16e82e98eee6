package idc

import (
	"errors"
	"strconv"
)

// Code says how a transaction of a protocol without a status of its own failed, in
// the words of the back end. It travels as a little-endian int16. A handler returns
// one as its error, and the front end's call returns the same one: compare with
// errors.Is. Positive codes are the protocol's own.
type Code int16

// The codes that have a meaning in every such protocol.
const (
	// Succeeded is never an error.
	Succeeded Code = 0
	// Failed says that the handler returned an error that is no Code.
	Failed Code = -1
	// Malformed says that the request broke a bound; no handler saw it.
	Malformed Code = -2
	// Unsupported says that the back end doesn't know the transaction, or doesn't
	// offer it.
	Unsupported Code = -3
)

// Error says what the code means.
func (c Code) Error() string {
	switch c {
	case Succeeded:
		return "success"
	case Failed:
		return "the back end failed to do it"
	case Malformed:
		return "the back end found the request malformed"
	case Unsupported:
		return "the back end doesn't support it"
	}
	return "the back end answered with code " + strconv.Itoa(int(c))
}

// CodeOf is the code that tells a peer of err: that of the first Code in its tree,
// Succeeded for nil, and Failed for everything else. What err says stays here.
func CodeOf(err error) Code {
	if err == nil {
		return Succeeded
	}
	var c Code
	if errors.As(err, &c) && c != Succeeded {
		return c
	}
	return Failed
}
