package nbd

import (
	"encoding/binary"
	"strings"
)

// structured serves NBD_OPT_STRUCTURED_REPLY.
func (n *negotiation) structured(data []byte) error {
	if len(data) != 0 {
		return n.reply(optStructured, repErrInvalid, []byte("STRUCTURED_REPLY takes no data"))
	}
	n.terms.structured = true
	return n.reply(optStructured, repAck, nil)
}

// meta serves NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. There is one
// context, which tells what the disk keeps, or that it doesn't say.
func (n *negotiation) meta(opt uint32, data []byte) error {
	if opt == optSetMeta {
		n.terms.allocation = false // whatever comes of it
	}
	name, queries, ok := parseMeta(data)
	switch {
	case !n.terms.structured:
		return n.reply(opt, repErrInvalid, []byte("metadata contexts take structured replies"))
	case !ok:
		return n.reply(opt, repErrInvalid, []byte("malformed request for metadata contexts"))
	case !n.knows(name):
		return n.reply(opt, repErrUnknown, []byte("no such export"))
	}
	wanted := len(queries) == 0 && opt == optListMeta
	for _, q := range queries {
		wanted = wanted || q == contextAllocation || opt == optListMeta && q == contextAllocation[:strings.IndexByte(contextAllocation, ':')+1]
	}
	if wanted {
		id := uint32(0) // of a list it means nothing
		if opt == optSetMeta {
			n.terms.allocation, n.metaFor, id = true, string(name), contextAllocationID
		}
		b := binary.BigEndian.AppendUint32(nil, id)
		if err := n.reply(opt, repMeta, append(b, contextAllocation...)); err != nil {
			return err
		}
	}
	return n.reply(opt, repAck, nil)
}

// parseMeta takes the data apart: length of a name u32, name, number of queries u32, and
// each query, its length u32 first.
func parseMeta(data []byte) (name []byte, queries []string, ok bool) {
	name, data, ok = cutString(data)
	if !ok || len(data) < 4 {
		return nil, nil, false
	}
	count := binary.BigEndian.Uint32(data)
	data = data[4:]
	for range min(count, maxOptionData) {
		var q []byte
		if q, data, ok = cutString(data); !ok {
			return nil, nil, false
		}
		queries = append(queries, string(q))
	}
	return name, queries, len(data) == 0 && uint32(len(queries)) == count
}

// cutString takes a string with its length in front off data.
func cutString(data []byte) (s, rest []byte, ok bool) {
	if len(data) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(data)
	if data = data[4:]; n > maxName || int(n) > len(data) {
		return nil, nil, false
	}
	return data[:n], data[n:], true
}

// chosen is told which export the client takes. Contexts were for one by its name.
func (n *negotiation) chosen(name []byte) {
	n.terms.allocation = n.terms.allocation && n.metaFor == string(name)
}
