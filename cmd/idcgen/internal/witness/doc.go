// Package witness holds no code, only a test: it compiles Xen's public headers with a C compiler and compares every
// offset, size, constant and ring size of theirs with what `idcgen layout --json` says. The compiler's numbers come from
// the headers and ours from the protocol files, so neither checks itself.
package witness
