// Package golang says what everything of a protocol is called in Go, and finds what can't be called anything.
//
// A name of a protocol becomes a Go name by its words: `max_ring_page` is MaxRingPage. Whatever declares something in a
// package, a method set or a struct declares it in one scope, so nothing can be declared twice:
//
//   - a name that the stubs need themselves, as Front, is given a suffix that says what it is: `enum front` is FrontType;
//   - two declarations of the file that would have one name in Go are a mistake of the file's.
//
// The generator asks here for every name that a user of its package can see.
package golang
