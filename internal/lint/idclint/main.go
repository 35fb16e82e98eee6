// Idclint holds the project to its own rules; see package lint. It prints what
// breaks them, a line each, and exits with 1 if anything does.
//
//	go run ./internal/lint/idclint [ROOT]
package main

import (
	"fmt"
	"os"

	"github.com/xenidc/idc/internal/lint"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	found, err := lint.Check(os.DirFS(root))
	if err != nil {
		fmt.Fprintln(os.Stderr, "idclint:", err)
		os.Exit(2)
	}
	for _, f := range found {
		fmt.Println(f)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}
