package image

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// standIns collects what programs want of the libraries in stubs.
type standIns struct {
	// versioned symbols by library, then version.
	versioned map[string]map[string][]string
	// plain are those whose library isn't told, of files that name a stub.
	plain map[string]bool
	// named are the stubs that are needed at all.
	named map[string]bool
}

func newStandIns() *standIns {
	return &standIns{versioned: map[string]map[string][]string{}, plain: map[string]bool{}, named: map[string]bool{}}
}

// look collects what one file wants of stubs, if it names any of them.
func (s *standIns) look(f *elf.File, libs []string) error {
	mine := slices.DeleteFunc(slices.Clone(libs), func(l string) bool { return !slices.Contains(stubs, l) })
	if len(mine) == 0 {
		return nil
	}
	for _, l := range mine {
		s.named[l] = true
	}
	symbols, err := f.ImportedSymbols()
	if err != nil {
		return err
	}
	for _, sym := range symbols {
		switch {
		case sym.Library == "":
			s.plain[sym.Name] = true
		case slices.Contains(mine, sym.Library):
			if s.versioned[sym.Library] == nil {
				s.versioned[sym.Library] = map[string][]string{}
			}
			versions := s.versioned[sym.Library]
			versions[sym.Version] = append(versions[sym.Version], sym.Name)
		}
	}
	return nil
}

// build compiles the stand-ins into dir and adds them to found, whose libraries have
// what is plain and not missing.
func (s *standIns) build(dir string, found map[string]string) error {
	for _, path := range found {
		if err := s.strike(path); err != nil {
			return err
		}
	}
	for so := range s.named {
		out := filepath.Join(dir, so)
		if err := s.compile(so, out); err != nil {
			return err
		}
		found[so] = out
	}
	return nil
}

// strike drops plain symbols that a real library defines.
func (s *standIns) strike(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, sym := range symbols {
		if sym.Section != elf.SHN_UNDEF {
			delete(s.plain, sym.Name)
		}
	}
	return nil
}

// compile makes one stand-in.
func (s *standIns) compile(so, out string) error {
	var code, script strings.Builder
	code.WriteString("extern void abort(void);\n")
	define := func(name string) { fmt.Fprintf(&code, "void %s(void) { abort(); }\n", name) }
	for version, names := range s.versioned[so] {
		for _, n := range names {
			define(n)
		}
		if version != "" {
			fmt.Fprintf(&script, "%s { global: %s; };\n", version, strings.Join(names, "; "))
		}
	}
	for n := range s.plain {
		define(n)
	}
	if err := os.WriteFile(out+".c", []byte(code.String()), 0o644); err != nil {
		return err
	}
	args := []string{"-shared", "-fPIC", "-w", "-fno-builtin", "-O1", "-Wl,-soname," + so, "-o", out, out + ".c"}
	if script.Len() > 0 {
		if err := os.WriteFile(out+".map", []byte(script.String()), 0o644); err != nil {
			return err
		}
		args = append(args, "-Wl,--version-script="+out+".map")
	}
	if text, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("a stand-in for %s: gcc: %w: %s", so, err, text)
	}
	return nil
}
