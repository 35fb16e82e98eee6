package transport

import (
	"testing"
	"time"
)

func TestPatience(t *testing.T) {
	const limit = 20 * time.Microsecond
	p := newPatience(limit)
	for range fullTrust {
		b := p.budget()
		if b.limit != limit {
			t.Fatalf("an end that trusts polls for %v", b.limit)
		}
		p.wasted(b)
	}
	probes, began := 0, time.Now()
	for probes == 0 && time.Since(began) < 50*probePeriod {
		for range probeEvery {
			switch b := p.budget(); b.limit {
			case 0:
			case probePatient * limit:
				probes++
				p.wasted(b) // costs nothing more
			default:
				t.Fatalf("an end that gave up polls for %v", b.limit)
			}
		}
		time.Sleep(probeWindow / 8)
	}
	if probes == 0 {
		t.Error("an end that gave up never tried again")
	}
	p.paid()
	if b := p.budget(); b.limit != limit {
		t.Errorf("polling paid, and yet the end polls for %v", b.limit)
	}
	if b := newPatience(0).budget(); b.left() {
		t.Error("an end that must not poll does")
	}
}
