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
	e.wrote(fmt.Fprintf(e.stdout, format+"\n", args...))
}

func (e *env) printJSON(value any) {
	enc := json.NewEncoder(e.stdout)
	enc.SetEscapeHTML(false)
	e.wrote(0, enc.Encode(value))
}

// wrote notes that standard output failed, once: the next to look ends for it.
func (e *env) wrote(_ int, err error) {
	if err != nil && e.unread != nil {
		e.unread(fmt.Errorf("standard output: %w", err))
	}
}
