package main

import (
	"testing"

	"github.com/alecthomas/kong"

	"github.com/xenidc/idc/internal/docs"
)

// The manual names every command and flag, with its default, and nothing else.
func TestManual(t *testing.T) {
	parser, err := kong.New(&cli{}, kong.Name("idcgen"), kong.Vars{"version": version()})
	if err != nil {
		t.Fatal(err)
	}
	docs.CheckManual(t, "../../docs/idcgen.md", parser)
}
