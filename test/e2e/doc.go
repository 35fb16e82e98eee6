// Package e2e holds the end-to-end tests: disks served and attached by the built
// idc command in processes of their own, used by clients that nobody here wrote.
// There is no code here but tests.
package e2e
