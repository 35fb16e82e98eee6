package idc

import "testing"

// TestPauseAfter: who lived for a while tries again at once, whatever was before.
func TestPauseAfter(t *testing.T) {
	if got := pauseAfter(retryMost, 2*retryMost); got != retryFirst {
		t.Errorf("after a long life the pause is %v, want %v", got, retryFirst)
	}
	if got := pauseAfter(retryMost, retryFirst); got != retryMost {
		t.Errorf("after a short life the pause is %v, want %v", got, retryMost)
	}
}
