package channel

import (
	"fmt"
	"strings"
)

// Command is what a guest is asked to run.
type Command struct {
	// Args is the program, looked up in PATH, and its arguments.
	Args []string
	// Env is added to the agent's environment; later entries win.
	Env []string `json:",omitempty"`
	// Dir is the working directory; empty for that of the agent.
	Dir string `json:",omitempty"`
	// Terminal gives the command a terminal instead of pipes; its whole output is
	// then Stdout.
	Terminal bool `json:",omitempty"`
	// Rows and Cols are the terminal's size.
	Rows uint16 `json:",omitempty"`
	Cols uint16 `json:",omitempty"`
}

// String returns the command as one would type it.
func (c Command) String() string { return strings.Join(c.Args, " ") }

// ExitStatus tells how a command ended.
type ExitStatus struct {
	// Code is what it returned, or -1 if it never ran or a signal ended it.
	Code int
	// Reason says why Code is -1.
	Reason string `json:",omitempty"`
}

// Err returns nil for success.
func (s ExitStatus) Err() error {
	switch {
	case s.Code == 0:
		return nil
	case s.Reason != "":
		return fmt.Errorf("%s", s.Reason)
	}
	return fmt.Errorf("exit status %d", s.Code)
}
