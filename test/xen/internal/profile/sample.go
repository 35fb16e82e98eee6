package profile

import (
	"bufio"
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Sample is where one processor was.
type Sample struct {
	PC   uint64 // of the instruction
	GS   uint64 // base of GS: in a Linux kernel, the memory of one of its processors
	Idle bool   // halted
}

// Take asks QEMU at socket, rate times a second, where its processors are, until ctx
// ends. It returns a sample for each processor and question.
func Take(ctx context.Context, socket string, rate int) ([]Sample, error) {
	m, err := dial(socket)
	if err != nil {
		return nil, err
	}
	defer m.conn.Close()
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	var all []Sample
	for {
		select {
		case <-ctx.Done():
			return all, nil
		case <-tick.C:
		}
		text, err := m.registers()
		if err != nil {
			return nil, err
		}
		some, err := parse(text)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
}

// What QEMU prints of each processor, shortened (target/i386/cpu-dump.c of QEMU):
//
//	CPU#0
//	RAX=... RBX=...
//	RIP=ffff82d040203ace RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
//	GS =0000 ffff88805fa00000 ffffffff 00c00000
var (
	place  = regexp.MustCompile(`^RIP=([0-9a-f]+) .* HLT=([01])`)
	baseGS = regexp.MustCompile(`^GS =[0-9a-f]+ ([0-9a-f]+)`)
)

// parse reads the processors' registers.
func parse(text string) ([]Sample, error) {
	var all []Sample
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if m := place.FindStringSubmatch(line); m != nil {
			pc, err := strconv.ParseUint(m[1], 16, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, Sample{PC: pc, Idle: m[2] == "1"})
		}
		if m := baseGS.FindStringSubmatch(line); m != nil && len(all) > 0 {
			gs, err := strconv.ParseUint(m[1], 16, 64)
			if err != nil {
				return nil, err
			}
			all[len(all)-1].GS = gs
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no processor in what QEMU printed: %.200q", text)
	}
	return all, nil
}
