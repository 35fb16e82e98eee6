package image

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileSystems writes the two archives.
func (t tree) fileSystems(ctx context.Context, im Images, agent, stubDir string) error {
	libs, err := t.libraries(programs, stubDir)
	if err != nil {
		return err
	}
	files, err := t.moduleFiles()
	if err != nil {
		return err
	}
	domU, err := sortModules(files, slices.Concat(modules, domUModules)...)
	if err != nil {
		return err
	}
	dom0, err := sortModules(files, slices.Concat(modules, dom0Modules)...)
	if err != nil {
		return err
	}
	all, err := sortModules(files, slices.Concat(domU, dom0, spareModules)...)
	if err != nil {
		return err
	}
	applets, err := output(ctx, "", t.path("bin/busybox"), "--list-full")
	if err != nil {
		return err
	}
	err = writeArchive(im.DomU, func(a *archiveWriter) error {
		err := errors.Join(
			a.layout(),
			a.device("dev/console", 5, 1),
			a.file("usr/bin/agent", agent),
			a.symlink("init", "usr/bin/agent"),
			a.text("lab/modules.domu", strings.Join(domU, "\n")+"\n"),
			a.text("lab/modules.dom0", strings.Join(dom0, "\n")+"\n"),
			a.copyAll(t, programs, libs),
			a.links(),
			a.applets(strings.Fields(string(applets))),
		)
		for _, m := range all {
			name, _, _ := strings.Cut(m, " ")
			err = errors.Join(err, a.file("lab/modules/"+name+".ko", files[name]))
		}
		return err
	})
	if err != nil {
		return err
	}
	more, err := t.libraries(slices.Concat(programs, dom0Programs), stubDir)
	if err != nil {
		return err
	}
	maps.DeleteFunc(more, func(so, _ string) bool { return libs[so] != "" })
	return writeArchive(im.Dom0, func(a *archiveWriter) error {
		return errors.Join(
			a.copyAll(t, dom0Programs, more),
			a.text("etc/xen/xl.conf", ""),
			a.file("lab/vmlinux", im.Kernel),
			a.file("lab/domu.cpio", im.DomU),
			a.file("lab/grub32", t.path(grub32)),
		)
	})
}

func writeArchive(path string, fill func(*archiveWriter) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	a := newArchive(f)
	if err := errors.Join(fill(a), a.close()); err != nil {
		return fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	return f.Close()
}

// layout makes the links of a merged /usr.
func (a *archiveWriter) layout() error {
	var err error
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		err = errors.Join(err, a.parents("usr/"+d+"/."), a.symlink(d, "usr/"+d))
	}
	return err
}

// merged returns a name with the links of layout followed.
func merged(name string) string {
	first, _, _ := strings.Cut(name, "/")
	if slices.Contains([]string{"bin", "sbin", "lib", "lib64"}, first) {
		return "usr/" + name
	}
	return name
}

// copyAll adds programs and libraries.
func (a *archiveWriter) copyAll(t tree, programs []string, libs map[string]string) error {
	for _, p := range programs {
		if err := a.file(merged(p), t.path(p)); err != nil {
			return err
		}
	}
	for _, so := range slices.Sorted(maps.Keys(libs)) {
		dir := "usr/lib/"
		if strings.HasPrefix(so, "ld-linux") {
			dir = "usr/lib64/"
		}
		if err := a.file(dir+so, libs[so]); err != nil {
			return err
		}
	}
	return nil
}

func (a *archiveWriter) links() error {
	for _, name := range slices.Sorted(maps.Keys(links)) {
		if err := a.symlink(merged(name), links[name]); err != nil {
			return err
		}
	}
	return nil
}

// applets links busybox's programs to it, except where a real one is.
func (a *archiveWriter) applets(list []string) error {
	real := map[string]bool{"usr/bin/busybox": true}
	for _, p := range programs {
		real[merged(p)] = true
	}
	for l := range links {
		real[merged(l)] = true
	}
	for _, p := range list {
		p = merged(p)
		if real[p] || p == "linuxrc" {
			continue
		}
		real[p] = true
		if err := a.symlink(p, "/usr/bin/busybox"); err != nil {
			return err
		}
	}
	return nil
}
