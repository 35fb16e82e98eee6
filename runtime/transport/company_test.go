package transport

import "testing"

func TestCompany(t *testing.T) {
	var c company
	if c.expected() {
		t.Error("company is expected before anybody came")
	}
	c.came()
	for i := range fullCompany {
		if !c.expected() {
			t.Fatalf("not expected any more after %d in vain", i)
		}
		c.missed()
	}
	if c.expected() {
		t.Errorf("still expected after %d in vain", fullCompany)
	}
	c.missed()
	if c.came(); !c.expected() {
		t.Error("not expected although somebody came")
	}
}
