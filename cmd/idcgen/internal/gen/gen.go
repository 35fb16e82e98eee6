// Package gen writes Go stubs for a protocol.
package gen

import (
	"errors"

	"github.com/xenidc/idc/idl/schema"
)

// File is one generated file; Name is relative to the package's directory.
type File struct {
	Name    string
	Content []byte
}

// Generate returns the files of the Go package for a protocol. source is the name of the protocol file, for the header.
func Generate(p *schema.Protocol, source string) ([]File, error) {
	return nil, errors.New("this build has no generator")
}
