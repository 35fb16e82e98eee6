// Package idc is what generated stubs stand on: endpoints and their life,
// transactions, bulk data, options and errors. It is the one import of generated
// code outside the standard library; people use it through the stubs, and directly
// for options and errors only.
//
// # The life of a connection
//
// Both ends publish their state in the store as Xen's split drivers do
// (xen/include/public/io/xenbus.h), and each reads the other's. The store is lossy
// and level-triggered, so each end runs a reconcile loop: it reads the state of
// things and does what that calls for, whatever event woke it.
//
//	front                                   back
//	Initialising   ◄──── appears ────       InitWait       publishes what it offers
//	   rings, grants, channel, keys
//	Initialised    ─────────────────►       maps, binds, publishes
//	                                        Connected
//	Connected      ◄─────────────────
//	   ... transactions ...
//	Closing/Closed ◄────────────────►       Closing/Closed
//
// A front end that reconnects first waits until the back end has left Connected,
// so a new connection here is always a new one there, with new rings and grants.
package idc
