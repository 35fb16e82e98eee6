package transport

import "time"

// tick is how often a vigil looks; a handler that takes longer than one or two of
// them doesn't keep others waiting. hold is the same while answers are held back.
// stillTicks is after how many looks that found nothing new it ends: requests that come
// more often find it running. Every look wakes a thread, so there aren't many.
const (
	tick       = 10 * time.Millisecond
	hold       = time.Millisecond
	stillTicks = 4
)

// vigil looks after a ring whose workers can't, because all that were awake are busy
// in handlers that turned out to be slow. Then it wakes a follower to lead, and
// publishes answers that were held back for company. A worker starts it when it
// takes a request, if it isn't on:
//
//	off ◄──stillTicks without a request── on ─┐
//	 └───────────── take ─────────────────►  ◄┘ tick
//
// So a request costs no wake-up and no timer while they come often, and an idle ring
// costs nothing. The BackQueue's lock guards it.
type vigil struct {
	timer *time.Timer
	on    bool
	every time.Duration // between looks
	taken uint64        // requests, so far
	seen  uint64        // of them, at the last look
	still int           // looks since then
}

// took notes that a request was taken; wanted says that it may need looking after, and
// held that answers wait for its own.
func (v *vigil) took(wanted, held bool) {
	v.taken++
	every := tick
	if held {
		every = hold
	}
	if (wanted || held) && (!v.on || every < v.every) {
		v.on, v.still, v.every = true, 0, every
		v.timer.Reset(every)
	}
}

// look is called by the timer.
func (q *BackQueue) look() {
	q.mu.Lock()
	v := &q.vigil
	if q.stopped {
		q.mu.Unlock()
		return
	}
	notify := false
	if v.still++; v.seen != v.taken {
		v.seen, v.still = v.taken, 0
	} else if v.still == 1 {
		notify = q.cfg.Ring.Push()
		q.wakeFollower()
	}
	if v.on = v.still < stillTicks; v.on {
		v.timer.Reset(v.every)
	}
	if notify {
		q.running.Add(1) // Stop waits for us, as it does for workers, which it hasn't yet
	}
	q.mu.Unlock()
	if notify {
		q.cfg.Channel.Notify()
		q.running.Done()
	}
}

// wakeFollower lets a follower lead, if nobody does. The lock is held.
func (q *BackQueue) wakeFollower() {
	if !q.leading && q.parked > 0 {
		q.idle.Signal()
	}
}
