// Package randproto draws protocols at random: the same text for the same seed, on every machine.
//
// It knows the grammar and most of what a protocol must keep to, so that the compiler accepts about half of what it
// draws; the rest has mistakes of its own, or one that is put in on purpose. What it draws leans towards what a compiler
// gets wrong: nested paths, groups of bits, unions, counts that lie elsewhere, several ABIs, several bulks, names that mean
// something in Go. Nothing here knows what the compiler makes of it.
package randproto
