// Package transport carries the slots and the bulk data of an endpoint over rings
// of shared memory. A [Queue] is the front end's side of one ring: it numbers
// transactions, lends their buffers, and couples each response with its request.
// A [BackQueue] is the back end's side: it copies each request once, hands the
// private copy to a handler, and answers.
//
// Both poll first and sleep second. A waiter spins on its own ring for a short
// while, then arms the peer's notification, looks once more, and sleeps:
//
//	submit ─► spin on rsp_prod ──found──────────────────────────► complete
//	              │ budget spent                                     ▲
//	              ▼                                                  │
//	          rsp_event = cons+1 ─► look again ──found──────────────┤
//	                                    │ nothing                    │
//	                                    ▼                            │
//	                              Channel.Wait ──event───────────────┘
//
// The package knows nothing of any protocol: generated code encodes and decodes
// the private copies. Nothing is allocated per transaction. Whatever the peer
// writes can end the link (an index out of range, an answer to nothing), never
// the process.
package transport
