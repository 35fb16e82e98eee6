// Package idl compiles protocol files: it parses a file and resolves it to a schema, or says what is wrong with it.
package idl

import (
	"fmt"
	"os"

	"github.com/xenidc/idc/idl/diag"
	"github.com/xenidc/idc/idl/golang"
	"github.com/xenidc/idc/idl/lint"
	"github.com/xenidc/idc/idl/resolve"
	"github.com/xenidc/idc/idl/schema"
	"github.com/xenidc/idc/idl/stubs"
	"github.com/xenidc/idc/idl/syntax"
)

// Compile compiles a file's text. The protocol is complete and consistent only if the list has no error; notes say why it gets no
// stubs, if it doesn't.
func Compile(name string, src []byte) (*schema.Protocol, *diag.List) {
	var diags diag.List
	file := syntax.Parse(name, src, &diags)
	p := resolve.File(file, &diags)
	if !diags.Failed() {
		stubs.Check(p, &diags)
		golang.Check(p, &diags)
	}
	return p, &diags
}

// Vet is Compile, and adds warnings if there is no error.
func Vet(name string, src []byte) (*schema.Protocol, *diag.List) {
	p, diags := Compile(name, src)
	if !diags.Failed() {
		lint.Check(p, diags)
	}
	return p, diags
}

// Load reads and compiles a file. A *diag.ListError among the causes of the error holds the diagnostics.
func Load(path string) (*schema.Protocol, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read protocol: %w", err)
	}
	p, diags := Compile(path, src)
	if err := diags.Err(); err != nil {
		return nil, fmt.Errorf("compile protocol: %w", err)
	}
	return p, nil
}
