// Idclint holds the project to its own rules; see package lint. It prints what
// breaks them, a line each, and exits with 1 if anything does. With -doc it writes
// the tables of docs/architecture.md instead.
//
//	go run ./internal/lint/idclint [-doc] [ROOT]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/xenidc/idc/internal/lint"
)

func main() {
	doc := flag.Bool("doc", false, "write the tables of docs/architecture.md")
	flag.Parse()
	root := "."
	if flag.NArg() > 0 {
		root = flag.Arg(0)
	}
	run := check
	if *doc {
		run = document
	}
	ok, err := run(root)
	if err != nil {
		fmt.Fprintln(os.Stderr, "idclint:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// check prints the findings and reports whether there are none.
func check(root string) (ok bool, err error) {
	found, err := lint.Check(os.DirFS(root))
	for _, f := range found {
		fmt.Println(f)
	}
	return len(found) == 0, err
}

func document(root string) (ok bool, err error) {
	name := filepath.Join(root, "docs", "architecture.md")
	text, err := os.ReadFile(name)
	if err != nil {
		return false, err
	}
	fresh, err := lint.Document(string(text))
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, err)
	}
	if fresh == string(text) {
		return true, nil
	}
	return true, os.WriteFile(name, []byte(fresh), 0o644)
}
