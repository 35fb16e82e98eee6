// Package docs holds the tests of the project's prose: what a page shows of a file is
// what the file says, and what a page links to is there.
package docs
