// Package nbd serves a disk over the NBD protocol, so that every NBD client
// (qemu, libnbd, fio, the kernel) is a client of ours.
//
// The protocol is that of doc/proto.md in the NetworkBlockDevice project, which
// the names here follow: fixed newstyle negotiation, simple and structured replies, the
// commands READ, WRITE, FLUSH, TRIM, WRITE_ZEROES (fast, or not at all, if so asked),
// BLOCK_STATUS and DISC, the metadata context base:allocation, and FUA on those that
// write.
// Clients may send requests at any byte offset and of any length; what the disk
// can't take as it is becomes a read-modify-write here (see aligned).
//
//	client ──socket──▶ reader ──slot──▶ worker ──▶ aligned ──▶ Disk
//	       ◀───────────────────reply──────┘
//
// What the disk can free or knows to be a hole it says (Zeroer, Mapper), and clients see
// it: zeros take no storage where they needn't, and a copy of a sparse disk is one.
//
// Each connection has a fixed number of slots, each with memory for one request;
// a reader without a free slot stops reading. What a client sends or omits can
// therefore cost only its own connection.
package nbd
