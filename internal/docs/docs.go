// Package docs holds the tests of the project's prose: what a page shows of a file is
// what the file says, what a page links to is there, and a manual names what its command
// has.
package docs
