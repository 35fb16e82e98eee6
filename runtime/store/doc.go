// Package store speaks xenstore: a small tree of named values that domains share,
// with permissions, transactions and watches. It holds the wire protocol
// (xen/include/public/io/xs_wire.h), a client for any connection that carries it,
// and a server that a process can embed.
//
//	            Client                                 Server
//	Read/Write/Watch... -> request  --- conn --->  session -> tree, watches
//	     Watch.Next()   <- event    <-- conn ----  bounded queue of replies and events
//
// The store is lossy and level-triggered: an event says "look again", never what
// happened, and many changes may be told by one event. Programs read the state
// after each event and act upon what they find.
//
// Both sides distrust each other. A server that lies can make a client's calls
// fail but not make it panic, block past a context, or grow; a client that lies,
// floods or doesn't read costs the server only what its quota says.
package store
