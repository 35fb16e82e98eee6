package profile

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Where the parts of an x86_64 machine with Xen lie (xen/arch/x86/include/asm/config.h;
// Documentation/x86/x86_64/mm.rst of Linux).
const (
	xenBegin    = 0xffff82d040000000
	xenEnd      = 0xffff82d080000000
	linuxBegin  = 0xffffffff80000000
	direct      = 0xffff888000000000 // Linux's mapping of all its memory
	programsEnd = 0x0000800000000000
)

// Names are the tables of symbols that a report uses.
type Names struct {
	Xen, Linux, Program Symbols
	// ProgramName stands for Program, which lies at fixed addresses.
	ProgramName string
	// Dom0Above tells kernels apart: a processor's memory is near the end of its domain's,
	// so it is dom0's if it is above that many bytes.
	Dom0Above uint64
}

// line is one function, or one area.
type line struct {
	area, name string
	count      int
}

// Report prints the share of each area, and the functions with the most samples.
func Report(w io.Writer, samples []Sample, names Names, functions int) error {
	areas, lines := map[string]int{}, map[line]int{}
	for _, s := range samples {
		area, name := names.place(s)
		areas[area]++
		lines[line{area: area, name: name}]++
	}
	total := float64(len(samples)) / 100
	for _, a := range slices.SortedFunc(maps.Keys(areas), func(a, b string) int { return cmp.Compare(areas[b], areas[a]) }) {
		if _, err := fmt.Fprintf(w, "%5.1f %%  %s\n", float64(areas[a])/total, a); err != nil {
			return err
		}
	}
	delete(lines, line{area: idle})
	var sorted []line
	for l, n := range lines {
		sorted = append(sorted, line{l.area, l.name, n})
	}
	slices.SortFunc(sorted, func(a, b line) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.area, b.area), cmp.Compare(a.name, b.name))
	})
	fmt.Fprintln(w)
	for _, l := range sorted[:min(functions, len(sorted))] {
		if _, err := fmt.Fprintf(w, "%5.1f %%  %-14s %s\n", float64(l.count)/total, l.area, l.name); err != nil {
			return err
		}
	}
	return nil
}

const idle = "idle"

// place says what a sample is in.
func (n Names) place(s Sample) (area, function string) {
	switch {
	case s.Idle:
		return idle, ""
	case s.PC >= xenBegin && s.PC < xenEnd:
		return "Xen" + n.of(s), n.Xen.Name(s.PC)
	case s.PC >= linuxBegin:
		return "Linux" + n.of(s), n.Linux.Name(s.PC)
	case s.PC < programsEnd:
		if f := n.Program.Name(s.PC); f != "" {
			return n.ProgramName, f
		}
		return "other programs", ""
	}
	return "elsewhere", fmt.Sprintf("%#x", s.PC)
}

// of says whose kernel had the processor. Xen leaves GS alone, but a program's is
// anything.
func (n Names) of(s Sample) string {
	switch {
	case s.GS < direct:
		return ""
	case s.GS-direct > n.Dom0Above:
		return ", dom0"
	}
	return ", domU"
}
