//go:build linux

package main

import (
	"io"
	"testing"

	"github.com/xenidc/idc/internal/docs"
)

// The manual names every command and flag, with its default, and nothing else.
func TestManual(t *testing.T) {
	docs.CheckManual(t, "../../docs/idc.md", newParser(new(cli), io.Discard, io.Discard))
}
