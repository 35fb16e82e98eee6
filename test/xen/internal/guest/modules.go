//go:build linux

package guest

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// loadModules loads what a list names, one a line with its parameters, in its order:
// it was sorted by dependence when the image was made.
func loadModules(list string) error {
	f, err := os.Open(list)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		name, params, _ := strings.Cut(lines.Text(), " ")
		if err := LoadModule(name, params); err != nil {
			return err
		}
	}
	return lines.Err()
}

// LoadModule loads one of the image's modules, in whose name - and _ are the same. One
// that is there already is fine.
func LoadModule(name, params string) error {
	f, err := os.Open("/lab/modules/" + strings.ReplaceAll(name, "_", "-") + ".ko")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), params, 0); err != nil && err != unix.EEXIST {
		return fmt.Errorf("module %s: %w", name, err)
	}
	return nil
}
