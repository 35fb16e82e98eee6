package store

import (
	"fmt"
	"strconv"
)

// State is the state of one end of a device, as published in its node "state"
// (enum xenbus_state, xen/include/public/io/xenbus.h).
type State int

// The states of a device's end.
const (
	StateUnknown       State = 0 // no node, or nonsense in it
	StateInitialising  State = 1
	StateInitWait      State = 2 // done with what can be done before the peer's details are known
	StateInitialised   State = 3 // waiting for a connection from the peer
	StateConnected     State = 4
	StateClosing       State = 5
	StateClosed        State = 6
	StateReconfiguring State = 7
	StateReconfigured  State = 8
)

var stateNames = [...]string{
	"Unknown", "Initialising", "InitWait", "Initialised", "Connected",
	"Closing", "Closed", "Reconfiguring", "Reconfigured",
}

// String is the header's name of the state, without XenbusState.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int(s))
	}
	return stateNames[s]
}

// Value is what the node "state" holds for s.
func (s State) Value() string { return strconv.Itoa(int(s)) }

// ParseState reads a node's value. The peer may have written anything: what isn't a
// known state is StateUnknown.
func ParseState(value string) State {
	n, err := strconv.ParseUint(value, 10, 8)
	if err != nil || n >= uint64(len(stateNames)) {
		return StateUnknown
	}
	return State(n)
}
