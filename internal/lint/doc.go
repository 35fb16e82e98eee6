// Package lint holds the project to rules that a compiler doesn't know: which part
// may depend on which, where unsafe code may be, how large a file grows, what is
// documented. The rules are data with reasons (parts.go, rules.go);
// docs/architecture.md shows the same table, and a test compares the two.
//
// Run it with
//
//	go run ./internal/lint/idclint
//
// The package's own test runs it over the project, too, so that go test ./... is
// enough to notice a breach.
package lint
