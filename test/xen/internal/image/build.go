package image

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// CacheVariable names the environment variable with the directory to keep images in.
const CacheVariable = "IDC_LAB_CACHE"

// Images is what a machine boots, as paths.
type Images struct {
	Xen    string // the hypervisor
	Kernel string // Linux, for every domain
	DomU   string // the file system of a domU, and the first part of dom0's
	Dom0   string // the second part of dom0's
}

// recipe is this package's own text: when it changes, images are made again.
//
//go:embed *.go
var recipe embed.FS

// CacheDir returns the directory that images and packages are kept in.
func CacheDir() (string, error) {
	if d := os.Getenv(CacheVariable); d != "" {
		return filepath.Abs(d)
	}
	d, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place to keep images in: %w; set %s", err, CacheVariable)
	}
	return filepath.Join(d, "xenidc", "lab"), nil
}

// Build returns the images that hold the agent, a program for amd64. It makes them if
// the cache hasn't got them for the versions that apt knows today; progress is told what
// takes long. Several processes may build at once: one does it, the others wait.
func Build(ctx context.Context, agent string, progress func(string)) (Images, error) {
	cache, err := CacheDir()
	if err != nil {
		return Images{}, err
	}
	list, err := archives(ctx)
	if err != nil {
		return Images{}, err
	}
	key, err := keyOf(list, agent)
	if err != nil {
		return Images{}, err
	}
	if err := os.MkdirAll(filepath.Join(cache, "images"), 0o755); err != nil {
		return Images{}, err
	}
	unlock, err := lock(filepath.Join(cache, "lock"))
	if err != nil {
		return Images{}, err
	}
	defer unlock()
	dir := filepath.Join(cache, "images", key)
	if _, err := os.Stat(dir); err == nil {
		return imagesIn(dir), nil
	}
	progress(fmt.Sprintf("making images in %s", cache))
	if err := build(ctx, cache, dir, agent, list); err != nil {
		return Images{}, fmt.Errorf("making the lab's images: %w", err)
	}
	return imagesIn(dir), prune(filepath.Join(cache, "images"), key)
}

func imagesIn(dir string) Images {
	return Images{
		Xen:    filepath.Join(dir, "xen.elf"),
		Kernel: filepath.Join(dir, "vmlinux"),
		DomU:   filepath.Join(dir, "domu.cpio"),
		Dom0:   filepath.Join(dir, "dom0.cpio"),
	}
}

// keyOf sums up whatever the images are made of.
func keyOf(list []archive, agent string) (string, error) {
	h := sha256.New()
	for _, a := range list {
		fmt.Fprintln(h, a.line)
	}
	err := fs.WalkDir(recipe, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(p, "_test.go") {
			return err
		}
		b, err := recipe.ReadFile(p)
		h.Write(b)
		return err
	})
	if err != nil {
		return "", err
	}
	f, err := os.Open(agent)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)[:10]), nil
}

// lock takes a file's lock, and waits for it.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}

// kept is how many generations of images stay: a machine may still run on an old one.
const kept = 3

// prune removes the oldest images, never those of key.
func prune(dir, key string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	age := func(e os.DirEntry) int64 {
		info, err := e.Info()
		if err != nil {
			return 0
		}
		return info.ModTime().UnixNano()
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return int(min(1, max(-1, age(b)-age(a)))) })
	for i, e := range entries {
		if i >= kept && e.Name() != key {
			if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// build makes the images in a directory beside dir, and moves it there when done.
func build(ctx context.Context, cache, dir, agent string, list []archive) (err error) {
	debs := filepath.Join(cache, "debs")
	if err := download(ctx, debs, list); err != nil {
		return err
	}
	work, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	t := tree(filepath.Join(work, "tree"))
	if err := unpack(ctx, debs, string(t), list); err != nil {
		return err
	}
	out := filepath.Join(work, "out")
	stubDir := filepath.Join(work, "stubs")
	for _, d := range []string{out, stubDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	im := imagesIn(out)
	if err := t.hypervisor(im.Xen); err != nil {
		return err
	}
	if err := t.kernel(ctx, im.Kernel); err != nil {
		return err
	}
	if err := t.fileSystems(ctx, im, agent, stubDir); err != nil {
		return err
	}
	return os.Rename(out, dir)
}
