package store

import (
	"fmt"
	"strings"
	"testing"
)

// home gives domain 5 its subtree.
func (w *world) home() {
	w.t.Helper()
	a := w.raw(0)
	a.want(TypeMkdir, 0, "/local/domain/5|", "OK|")
	a.want(TypeSetPerms, 0, "/local/domain/5|n5|", "OK|")
}

func TestQuotaNodes(t *testing.T) {
	w := newWorld(t, Options{Quota: Quota{Nodes: 10}})
	w.home()
	d := w.raw(5)
	d.want(TypeWrite, 0, "a/b/c|", "OK|") // the subtree's root is the first of four
	d.want(TypeWrite, 0, "1/2/3/4/5/6/7|", "!ENOSPC")
	d.want(TypeRead, 0, "1|", "!ENOENT") // all or none
	d.want(TypeMkdir, 0, "1/2/3/4/5/6|", "OK|")
	d.want(TypeWrite, 0, "x|", "!ENOSPC")
	d.want(TypeWrite, 0, "a|value", "OK|")

	tx := d.begin()
	d.want(TypeRm, tx, "1/2/3/4|", "OK|")
	d.want(TypeWrite, tx, "x|", "OK|")
	d.want(TypeWrite, 0, "y|", "!ENOSPC")
	d.want(TypeTransactionEnd, tx, "T|", "OK|")
	d.want(TypeMkdir, 0, "x/y/z|", "OK|")
	d.want(TypeMkdir, 0, "w|", "!ENOSPC")

	w.raw(0).want(TypeWrite, 0, "/local/domain/5/by/another|", "OK|")
}

func TestQuotaNodesTwoTransactions(t *testing.T) {
	w := newWorld(t, Options{Quota: Quota{Nodes: 6}})
	a := w.raw(0)
	for _, home := range []string{"/p", "/q"} {
		a.want(TypeMkdir, 0, home+"|", "OK|")
		a.want(TypeSetPerms, 0, home+"|n5|", "OK|")
	}
	d := w.raw(5)
	t1, t2 := d.begin(), d.begin()
	for _, n := range []string{"a", "b", "c"} {
		d.want(TypeMkdir, t1, "/p/"+n+"|", "OK|")
		d.want(TypeMkdir, t2, "/q/"+n+"|", "OK|")
	}
	d.want(TypeTransactionEnd, t1, "T|", "OK|")
	d.want(TypeTransactionEnd, t2, "T|", "!ENOSPC")
}

func TestQuotaPerDomainNotPerConnection(t *testing.T) {
	w := newWorld(t, Options{Quota: Quota{Watches: 3, Transactions: 2, Connections: 2}})
	x, y := w.raw(5), w.raw(5)
	x.want(TypeWatch, 0, "a|1|", "OK|")
	x.want(TypeWatch, 0, "a|2|", "OK|")
	y.want(TypeWatch, 0, "a|1|", "OK|")
	y.want(TypeWatch, 0, "a|2|", "!ENOSPC")
	x.begin()
	y.begin()
	y.want(TypeTransactionStart, 0, "|", "!ENOSPC")
	z := w.dial(5)
	if _, err := z.Read(make([]byte, 1)); err == nil {
		t.Error("a third connection was served")
	}
	x.want(TypeResetWatches, 0, "|", "OK|")
	y.want(TypeWatch, 0, "a|2|", "OK|")
	y.begin()

	a := w.raw(0)
	for i := range 300 {
		a.want(TypeWatch, 0, fmt.Sprintf("/a|%d|", i), "OK|")
		a.begin()
	}
}

func TestQuotaSizes(t *testing.T) {
	w := newWorld(t)
	w.home()
	d := w.raw(5)
	d.want(TypeWrite, 0, "v|"+strings.Repeat("x", 2016), "OK|")
	d.want(TypeWrite, 0, "v|"+strings.Repeat("x", 2017), "!ENOSPC")
	d.want(TypeSetPerms, 0, "v|n5|r6|", "!ENOSPC")
	d.want(TypeSetPerms, 0, "v|n5|r6|r7|r8|r9|r10|", "!ENOSPC")
	d.want(TypeMkdir, 0, "v/c|", "!ENOSPC")
	d.want(TypeWrite, 0, "v|", "OK|") // smaller is always allowed
	d.want(TypeRead, 0, strings.Repeat("p", 2047)+"|", "!ENOENT")
	d.want(TypeRead, 0, strings.Repeat("p", 2049)+"|", "!EINVAL")
	full := false
	for i := 0; i < 300 && !full; i++ {
		got, _ := d.ask(TypeMkdir, 0, fmt.Sprintf("dir/%0100d|", i))
		full = got == "!ENOSPC"
	}
	if !full {
		t.Error("a directory grew beyond the size of a node")
	}
	a := w.raw(0)
	a.want(TypeWrite, 0, "/v|"+strings.Repeat("x", 4000), "OK|")
	a.want(TypeRead, 0, "/"+strings.Repeat("p", 3070)+"|", "!ENOENT")
	a.want(TypeRead, 0, "/"+strings.Repeat("p", 3071)+"|", "!EINVAL")
}

func TestQuotaTransactionNodes(t *testing.T) {
	w := newWorld(t, Options{Quota: Quota{TransactionNodes: 20}})
	w.home()
	d := w.raw(5)
	tx := d.begin()
	for i := range 19 { // and the node above
		d.want(TypeRead, tx, fmt.Sprintf("n%d|", i), "!ENOENT")
	}
	d.want(TypeRead, tx, "more|", "!ENOSPC")
	d.want(TypeWrite, tx, "n1|", "OK|")
	d.want(TypeTransactionEnd, tx, "T|", "!ENOMEM")
	d.want(TypeRead, 0, "n1|", "!ENOENT")
}

func TestQuotaRequests(t *testing.T) {
	w := newWorld(t)
	a := w.raw(0)
	w.home()
	d := w.raw(5)
	a.want(TypeGetQuota, 0, "nodes|", "1000|")
	a.want(TypeSetQuota, 0, "5|nodes|2|", "OK|")
	a.want(TypeGetQuota, 0, "5|nodes|", "2|")
	a.want(TypeGetQuota, 0, "nodes|", "1000|")
	a.want(TypeGetQuota, 0, "9|nodes|", "!ENOENT")
	a.want(TypeGetQuota, 0, "bogus|", "!EINVAL")
	a.want(TypeSetQuota, 0, "nodes|-1|", "!EINVAL")
	d.want(TypeMkdir, 0, "a|", "OK|")
	d.want(TypeMkdir, 0, "b|", "!ENOSPC")
	a.want(TypeSetQuota, 0, "5|nodes|0|", "OK|")
	d.want(TypeMkdir, 0, "b|", "OK|")
	d.want(TypeGetQuota, 0, "nodes|", "!EACCES")
	a.want(TypeSetFeature, 0, "5|0|", "OK|")
	d.want(TypeWatch, 0, "a|t|1|", "!EINVAL")
	d.want(TypeGetFeature, 0, "", "0|")
	a.want(TypeSetFeature, 0, "5|64|", "!EINVAL")
	a.want(TypeSetFeature, 0, "0|0|", "!EBUSY")
}

func TestQuotaTransactionMemory(t *testing.T) {
	w := newWorld(t, Options{Quota: Quota{TransactionMemory: 20000}})
	w.home()
	d := w.raw(5)
	t1, t2 := d.begin(), d.begin()
	value := strings.Repeat("x", 3000)
	for range 100 { // one value at a time
		d.want(TypeWrite, t1, "a|"+value, "OK|")
	}
	d.want(TypeWrite, t1, "b|"+value, "OK|")
	d.want(TypeWrite, t2, "c|"+value, "OK|")
	d.want(TypeWrite, t2, "d|"+value, "OK|")
	d.want(TypeWrite, t2, "e|"+value, "OK|")
	d.want(TypeWrite, t2, "f|"+value, "!ENOSPC")
	d.want(TypeRead, t2, "g/"+strings.Repeat("n", 2000)+"|", "!ENOSPC")
	d.want(TypeTransactionEnd, t2, "T|", "!ENOMEM")
	d.want(TypeWrite, t1, "f|"+value, "OK|")
	d.want(TypeTransactionEnd, t1, "T|", "OK|")
	d.begin()
	d.want(TypeResetWatches, 0, "|", "OK|")
	w.s.mu.Lock()
	defer w.s.mu.Unlock()
	if n := w.s.domains[5].txBytes; n != 0 {
		t.Errorf("%d bytes are counted for no transaction", n)
	}
}
