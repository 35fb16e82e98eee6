package main

import (
	"fmt"

	"github.com/xenidc/idc/bench/internal/measure"
	"github.com/xenidc/idc/bench/internal/own"
	"github.com/xenidc/idc/bench/internal/rival"
)

// cases are all that is measured, by group.
func cases() (all []*measure.Case) {
	group := func(name string, cases ...*measure.Case) {
		for _, c := range cases {
			c.Group = name
		}
		all = append(all, cases...)
	}
	for _, n := range []int{1, 32} {
		group(fmt.Sprintf("64-byte transactions, depth %d", n), append(own.Echo(n), rivals(rival.Op{Depth: n})...)...)
	}
	for _, n := range []int{4 << 10, 1 << 20} {
		group(fmt.Sprintf("%d KiB to the back end, depth 1", n>>10), append(own.Bulk(n), rivals(rival.Op{Depth: 1, Out: n})...)...)
	}
	for _, n := range []int{1, 32} {
		null := rival.Op{Depth: n, In: own.Block}
		group(fmt.Sprintf("4 KiB reads, null disk, depth %d", n), append(own.Disk(n, nil), rivals(null)...)...)
		tmpfs := rival.Op{Depth: n, In: own.Block, Disk: own.DiskSize, Prepare: own.MakeDisk}
		group(fmt.Sprintf("4 KiB random reads, disk on tmpfs, depth %d", n),
			append(append(own.Disk(n, own.MakeDisk), rivals(tmpfs)...), rival.Reader(tmpfs))...)
	}
	return all
}

func rivals(o rival.Op) []*measure.Case {
	cases := []*measure.Case{rival.Socket(o, false)}
	if o.Depth > 1 {
		cases = append(cases, rival.Socket(o, true))
	}
	return append(cases, rival.GRPC(o))
}
