//go:build linux

package main

import (
	"encoding/json"
	"fmt"
)

// say prints a result: the text for people, or the value as a line of JSON. Any goroutine
// may call it: a line is written at once.
func (e *env) say(value any, format string, args ...any) {
	if e.json {
		e.printJSON(value)
		return
	}
	fmt.Fprintf(e.stdout, format+"\n", args...)
}

func (e *env) printJSON(value any) {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		fmt.Fprintf(e.stderr, "idc: %v\n", err)
	}
}
