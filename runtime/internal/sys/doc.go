//go:build linux

// Package sys is the system calls that the runtime needs and the standard
// library doesn't offer: sealed shared memory, futexes in it, packets that
// carry descriptors, and the ioctls of Xen's devices. With runtime/shm it is the only place where unsafe is allowed.
//
// Every descriptor made or received here is close-on-exec.
package sys
