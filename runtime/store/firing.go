package store

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/xenidc/idc/runtime/platform"
)

// watch is a watch as the server holds it. It belongs to one session.
type watch struct {
	ses    *session
	path   string // absolute, or a special name
	prefix string // what to cut from events' paths, "" unless it was set relative
	token  string
	number uint64 // in the order in which watches were set
	depth  int    // levels below path that count, -1 for all

	// Guarded by the session's queue.
	pending   int  // events of it in the queue
	collapsed bool // one event for path itself is in the queue and tells of all
}

// watchKey tells the watches of a session apart.
type watchKey struct{ path, token string }

// event is a change that watches may be told of. It carries the permissions by which
// that is decided, since the node may be gone when it fires.
type event struct {
	path   string
	exact  bool   // not for watches above: their event comes for a node above
	now    []Perm // of the node, nil when not known
	before []Perm // of the node before the change, nil when the same
	parent []Perm // of the node above, nil when there is none
}

// readable says whether a session may be told of e: it can read the node, could
// before, or can read its parent (watch_permitted, tools/xenstored/watch.c).
func (e *event) readable(ses *session) bool {
	for _, perms := range [][]Perm{e.now, e.before, e.parent} {
		if len(perms) > 0 && ses.rights(perms)&PermRead != 0 {
			return true
		}
	}
	return ses.privileged
}

// watches holds all watches by what they watch. So firing costs one look-up per level
// of the path, whatever the number of watches elsewhere.
type watches struct {
	at   map[string][]*watch
	last uint64 // number that was given out
	told []told // scratch of fire
}

// told is what a watch is told.
type told struct {
	w    *watch
	path string
}

func (ws *watches) add(w *watch) {
	ws.last++
	w.number = ws.last
	ws.at[w.path] = append(ws.at[w.path], w)
}

func (ws *watches) remove(w *watch) {
	list := ws.at[w.path]
	for i, x := range list {
		if x != w {
			continue
		}
		// fire puts them in order again.
		list[i] = list[len(list)-1]
		list[len(list)-1] = nil
		list = list[:len(list)-1]
		break
	}
	if len(list) == 0 {
		delete(ws.at, w.path)
		return
	}
	ws.at[w.path] = list
}

// fire tells watches of e.
func (ws *watches) fire(e *event) {
	levels := 0
	for p := e.path; p != ""; p = parentPath(p) {
		for _, w := range ws.at[p] {
			if (w.depth < 0 || levels <= w.depth) && e.readable(w.ses) {
				ws.told = append(ws.told, told{w, e.path})
			}
		}
		if e.exact {
			break
		}
		levels++
	}
	ws.tell()
}

// tell tells those that were gathered, in the order in which they were set, as xenstored
// does (fire_watches, tools/xenstored/watch.c, goes through a client's list).
func (ws *watches) tell() {
	slices.SortFunc(ws.told, func(a, b told) int { return cmp.Compare(a.w.number, b.w.number) })
	for _, t := range ws.told {
		t.w.ses.out.event(t.w, t.path)
	}
	clear(ws.told)
	ws.told = ws.told[:0]
}

// fireSpecial tells watches of a domain's arrival or end: those on the name itself,
// and those on name/N. With a depth of 1 the former learn which domain it was.
func (ws *watches) fireSpecial(name string, dom platform.DomID, perms []Perm) {
	e := event{path: name, now: perms}
	one := name + "/" + strconv.FormatUint(uint64(dom), 10)
	for _, w := range ws.at[name] {
		switch {
		case !e.readable(w.ses):
		case w.depth == 1:
			ws.told = append(ws.told, told{w, one})
		default:
			ws.told = append(ws.told, told{w, name})
		}
	}
	for _, w := range ws.at[one] {
		if e.readable(w.ses) {
			ws.told = append(ws.told, told{w, one})
		}
	}
	ws.tell()
}
