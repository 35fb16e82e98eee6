package store

import (
	"strconv"
	"syscall"

	"github.com/xenidc/idc/runtime/platform"
)

// request is one message being carried out. The server's lock is held.
type request struct {
	s    *Server
	ses  *session
	h    header
	body []byte   // the payload; valid while the request is
	tx   *overlay // the transaction that it belongs to, nil for none
	v    view     // the tree as it sees it
}

// okReply is the payload of a reply that says no more than success.
const okReply = "OK\x00"

// handler carries out one type of request and returns the reply's payload.
type handler struct {
	do         func(*request) (string, syscall.Errno)
	privileged bool // EACCES for others
	noTx       bool // the message's transaction is ignored
}

// handlers are the requests by type (wire_funcs, tools/xenstored/core.c).
var handlers = [typeCount]handler{
	TypeControl:            {do: (*request).control, privileged: true},
	TypeDirectory:          {do: (*request).directory},
	TypeRead:               {do: (*request).read},
	TypeGetPerms:           {do: (*request).getPerms},
	TypeWatch:              {do: (*request).watch, noTx: true},
	TypeUnwatch:            {do: (*request).unwatch, noTx: true},
	TypeTransactionStart:   {do: (*request).transactionStart},
	TypeTransactionEnd:     {do: (*request).transactionEnd},
	TypeIntroduce:          {do: (*request).introduce, privileged: true},
	TypeRelease:            {do: (*request).release, privileged: true},
	TypeGetDomainPath:      {do: (*request).getDomainPath},
	TypeWrite:              {do: (*request).write},
	TypeMkdir:              {do: (*request).mkdir},
	TypeRm:                 {do: (*request).rm},
	TypeSetPerms:           {do: (*request).setPerms},
	TypeIsDomainIntroduced: {do: (*request).isDomainIntroduced, privileged: true},
	TypeResume:             {do: (*request).resume, privileged: true},
	TypeSetTarget:          {do: (*request).setTarget, privileged: true},
	TypeResetWatches:       {do: (*request).resetWatches},
	TypeDirectoryPart:      {do: (*request).directoryPart},
	TypeGetFeature:         {do: (*request).getFeature},
	TypeSetFeature:         {do: (*request).setFeature, privileged: true},
	TypeGetQuota:           {do: (*request).getQuota, privileged: true},
	TypeSetQuota:           {do: (*request).setQuota, privileged: true},
}

// handle carries out one message and queues its reply.
func (s *Server) handle(ses *session, h header, body []byte) {
	s.mu.Lock()
	defer s.unlock()
	if ses.ended {
		return
	}
	r := &request{s: s, ses: ses, h: h, body: body, v: s.tree}
	payload, errno := r.run()
	if errno == 0 && len(payload) > MaxPayload {
		errno = syscall.E2BIG
	}
	typ := h.typ
	if errno != 0 {
		typ, payload = TypeError, errnoName(errno)+"\x00"
	}
	ses.out.reply(appendMessage(nil, typ, h.req, h.tx, payload))
	if h.typ == TypeWatch && errno == 0 {
		r.firstEvent()
	}
}

func (r *request) run() (string, syscall.Errno) {
	if r.h.typ >= typeCount || handlers[r.h.typ].do == nil {
		return "", syscall.ENOSYS
	}
	hd := &handlers[r.h.typ]
	if hd.privileged && !r.ses.privileged {
		return "", syscall.EACCES
	}
	if r.h.tx != 0 && !hd.noTx {
		r.tx = r.ses.transactions[r.h.tx]
		if r.tx == nil {
			return "", syscall.ENOENT
		}
		r.v = r.tx
	}
	return hd.do(r)
}

// fire tells watches of a change: now, or when the transaction is committed.
func (r *request) fire(e *event) {
	if r.tx != nil {
		r.tx.queue(*e)
		return
	}
	r.s.watches.fire(e)
}

// limit is a limit of the client's, 0 for a privileged one.
func (r *request) limit(n int) int {
	if r.ses.privileged {
		return 0
	}
	return n
}

// one returns the payload's only string.
func (r *request) one() (string, bool) {
	list, ok := splitStrings(r.body)
	if !ok || len(list) != 1 {
		return "", false
	}
	return list[0], true
}

// between returns the payload's strings, of which there must be at least lo and at
// most hi.
func (r *request) between(lo, hi int) ([]string, bool) {
	list, ok := splitStrings(r.body)
	return list, ok && len(list) >= lo && len(list) <= hi
}

// parseDomain reads a domain's number.
func parseDomain(s string) (platform.DomID, syscall.Errno) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || platform.DomID(n) >= platform.FirstReserved {
		return 0, syscall.EINVAL
	}
	return platform.DomID(n), 0
}

// oneDomain returns the payload's only string as a domain's number.
func (r *request) oneDomain() (platform.DomID, syscall.Errno) {
	s, ok := r.one()
	if !ok {
		return 0, syscall.EINVAL
	}
	return parseDomain(s)
}
