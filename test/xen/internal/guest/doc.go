// Package guest is the first process of dom0 and of every domU in the lab. It mounts,
// loads modules, starts Xen's daemons in dom0, and then serves the lab's commands.
//
//	pid 1: set up ─> start "agent serve" ─> reap orphans ─> it ended: power off
//
// Serving is a process of its own because pid 1 must wait for every orphan, and would
// take the exit status of a command from under the one who started it.
package guest
