package image

import (
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// libraryDirs are where a tree's libraries are, in the order of the search.
var libraryDirs = []string{"usr/lib/x86_64-linux-gnu", "usr/lib", "usr/lib64"}

// tree is a directory with unpacked packages.
type tree string

// path returns where a file of the tree is on the machine.
func (t tree) path(name string) string { return filepath.Join(string(t), name) }

// library finds a library by the name that programs use.
func (t tree) library(soname string) (string, bool) {
	for _, d := range libraryDirs {
		p := t.path(filepath.Join(d, soname))
		if _, err := os.Stat(p); err == nil {
			return p, true
		}
	}
	return "", false
}

// libraries returns all that the programs need, by name: where they are on the
// machine, with stand-ins made in stubDir.
func (t tree) libraries(programs []string, stubDir string) (map[string]string, error) {
	found := map[string]string{}
	stand := newStandIns()
	todo := slices.Clone(extraLibraries)
	for _, p := range programs {
		needs, err := stand.needs(t.path(p))
		if err != nil {
			return nil, err
		}
		todo = append(todo, needs...)
	}
	for len(todo) > 0 {
		so := todo[0]
		todo = todo[1:]
		if found[so] != "" || slices.Contains(stubs, so) {
			continue
		}
		p, ok := t.library(so)
		if !ok {
			return nil, fmt.Errorf("none of the lab's packages holds %s: add the one that does (dpkg -S %[1]s) in test/xen/internal/image/spec.go", so)
		}
		found[so] = p
		needs, err := stand.needs(p)
		if err != nil {
			return nil, err
		}
		todo = append(todo, needs...)
	}
	if err := stand.build(stubDir, found); err != nil {
		return nil, err
	}
	return found, nil
}

// needs returns the libraries that a program or library names.
func (s *standIns) needs(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	libs, err := f.ImportedLibraries()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return libs, s.look(f, libs)
}

// moduleFiles returns the path of every module of the tree's kernel by name, in
// which '-' and '_' are the same: here it is '-'.
func (t tree) moduleFiles() (map[string]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(t.path("usr/lib/modules"), func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".ko") {
			files[moduleName(strings.TrimSuffix(d.Name(), ".ko"))] = p
		}
		return err
	})
	if err == nil && len(files) == 0 {
		err = errors.New("the kernel's package holds no modules (.ko)")
	}
	return files, err
}

func moduleName(s string) string { return strings.ReplaceAll(s, "_", "-") }

// sortModules returns the wanted modules, each a name and parameters, with all that
// they depend on, in an order in which they can be loaded.
func sortModules(files map[string]string, wanted ...string) ([]string, error) {
	params := map[string]string{}
	for _, w := range wanted {
		name, p, _ := strings.Cut(w, " ")
		params[moduleName(name)] = p
	}
	var sorted []string
	seen := map[string]bool{}
	var add func(name string) error
	add = func(name string) error {
		name = moduleName(name)
		if seen[name] {
			return nil
		}
		seen[name] = true
		file, ok := files[name]
		if !ok {
			return fmt.Errorf("the kernel has no module %s", name)
		}
		deps, err := moduleDepends(file)
		if err != nil {
			return err
		}
		for _, d := range deps {
			if err := add(d); err != nil {
				return err
			}
		}
		sorted = append(sorted, strings.TrimSpace(name+" "+params[name]))
		return nil
	}
	for _, w := range wanted {
		name, _, _ := strings.Cut(w, " ")
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return sorted, nil
}

// moduleDepends reads which modules one depends on: its section .modinfo is
// KEY=VALUE, each ended by a zero byte.
func moduleDepends(file string) ([]string, error) {
	f, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	defer f.Close()
	info := f.Section(".modinfo")
	if info == nil {
		return nil, fmt.Errorf("%s: not a module", file)
	}
	b, err := info.Data()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	var deps []string
	for entry := range strings.SplitSeq(string(b), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok && list != "" {
			deps = append(deps, strings.Split(list, ",")...)
		}
	}
	return deps, nil
}
