package profile

import (
	"bufio"
	"debug/elf"
	"debug/gosym"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// Symbols names addresses. The zero value names none.
type Symbols struct {
	sorted []symbol
	table  *gosym.Table
}

type symbol struct {
	at   uint64
	name string
}

// ReadKallsyms reads a table as Linux prints it, of itself (/proc/kallsyms) and of the
// hypervisor (/proc/xen/xensyms): address, kind, name.
func ReadKallsyms(r io.Reader) (Symbols, error) {
	var s Symbols
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 3 {
			continue
		}
		at, err := strconv.ParseUint(f[0], 16, 64)
		if err != nil {
			return s, fmt.Errorf("table of symbols: %w", err)
		}
		s.sorted = append(s.sorted, symbol{at, f[2]})
	}
	slices.SortFunc(s.sorted, func(a, b symbol) int {
		switch {
		case a.at < b.at:
			return -1
		case a.at > b.at:
			return 1
		}
		return 0
	})
	return s, lines.Err()
}

// ReadProgram reads the functions of a Go program, which are in it even when it was
// stripped.
func ReadProgram(path string) (Symbols, error) {
	f, err := elf.Open(path)
	if err != nil {
		return Symbols{}, err
	}
	defer f.Close()
	text, lines := f.Section(".text"), f.Section(".gopclntab")
	if text == nil || lines == nil {
		return Symbols{}, fmt.Errorf("%s: not a Go program", path)
	}
	data, err := lines.Data()
	if err != nil {
		return Symbols{}, fmt.Errorf("%s: %w", path, err)
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	return Symbols{table: table}, err
}

// Name returns the function at an address, or "" if none is known there.
func (s Symbols) Name(pc uint64) string {
	if s.table != nil {
		if f := s.table.PCToFunc(pc); f != nil {
			return f.Name
		}
		return ""
	}
	i, found := slices.BinarySearchFunc(s.sorted, pc, func(a symbol, pc uint64) int {
		switch {
		case a.at < pc:
			return -1
		case a.at > pc:
			return 1
		}
		return 0
	})
	if !found {
		i--
	}
	if i < 0 {
		return ""
	}
	return s.sorted[i].name
}
