package batch

import (
	"bytes"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"time"
)

// write puts the files of each package where the go command finds them, with glue beside them that presents its stubs. The
// generated tests become a part of the package, so that one program can run those of all.
func (b *tree) write(made []*compiled) (left []*compiled) {
	b.Helper()
	for _, m := range made {
		for _, f := range m.files {
			name := f.Name
			if test, ok := strings.CutSuffix(name, "_test.go"); ok {
				name = test + "s.go"
			}
			b.put(filepath.Join(m.Name, name), f.Content)
			b.seen(m, f.Name, f.Content)
		}
		glue, err := m.glue()
		if err != nil {
			m.fail(Unbuilt, "%v", err)
		}
		if !m.Verdict.Failed() {
			b.put(filepath.Join(m.Name, "glue.go"), glue)
			left = append(left, m)
		}
	}
	return left
}

// seen fails a case whose file Go would leave out, because of its name or a comment in it.
func (b *tree) seen(m *compiled, name string, content []byte) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
		b.Fatal(err)
	}
	if ok, err := build.Default.MatchFile(dir, name); err != nil || !ok {
		m.fail(Unbuilt, "Go doesn't take %s for a file of this machine: %v", name, err)
	}
}

// command prepares the go command within the module.
func (b *tree) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, "go", append([]string{args[0], "-trimpath"}, args[1:]...)...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	return cmd
}

var inPackage = regexp.MustCompile(`(?:^|[/\s])(\w+)/[\w.]+\.go:`)

// vet builds and vets the packages, and returns those without a complaint.
func (b *tree) vet(made []*compiled) (left []*compiled) {
	b.Helper()
	if len(made) == 0 {
		return nil
	}
	args := []string{"vet"}
	for _, m := range made {
		args = append(args, module+"/"+m.Name)
	}
	out, err := b.command(args...).CombinedOutput()
	complaints := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if f := inPackage.FindStringSubmatch(line); f != nil && !strings.HasPrefix(line, "#") {
			complaints[f[1]] += line
		}
	}
	if err != nil && len(complaints) == 0 {
		b.Fatalf("go vet: %v\n%s", err, out)
	}
	for _, m := range made {
		if c := complaints[m.Name]; c != "" {
			m.fail(Unbuilt, "%s", c)
		} else {
			left = append(left, m)
		}
	}
	return left
}

// test runs the generated tests and the comparisons, each package's in a process of its own.
func (b *tree) test(made []*compiled) {
	b.Helper()
	if len(made) == 0 {
		return
	}
	var file bytes.Buffer
	file.WriteString("package made\n\nimport (\n\t\"testing\"\n\n\t\"github.com/xenidc/idc/cmd/idcgen/internal/wiretest\"\n")
	for _, m := range made {
		fmt.Fprintf(&file, "\t%s %q\n", m.Name, module+"/"+m.Name)
	}
	file.WriteString(")\n")
	for i, m := range made {
		fmt.Fprintf(&file, "\nfunc Test_%s(t *testing.T) { wiretest.Test(t, %s.ZzStubs, %d) }\n", m.Name, m.Name, i)
		for _, f := range m.fuzzers() {
			fmt.Fprintf(&file, "\nfunc Fuzz_%s_%s(f *testing.F) { %s.%s(f) }\n", m.Name, f, m.Name, f)
		}
	}
	b.put("made.go", []byte("package made\n"))
	b.put("made_test.go", file.Bytes())
	program := filepath.Join(b.dir, "made.test")
	if out, err := b.command("test", "-vet=off", "-c", "-o", program, module).CombinedOutput(); err != nil {
		if !b.blame(made, string(out)) {
			b.Fatalf("go test -c: %v\n%s", err, out)
		}
		var left []*compiled
		for _, m := range made {
			if !m.Verdict.Failed() {
				left = append(left, m)
			}
		}
		b.test(left)
		return
	}
	var wg sync.WaitGroup
	room := make(chan struct{}, 2*runtime.GOMAXPROCS(0))
	for _, m := range made {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			cmd := exec.CommandContext(b.ctx, program, "-test.run", "^(Test|Fuzz)_"+m.Name+"(_|$)", "-test.timeout", (2 * time.Minute).String())
			cmd.Dir = b.dir
			if out, err := cmd.CombinedOutput(); err != nil {
				m.fail(WrongBytes, "%v\n%s", err, clip(out))
			}
		})
	}
	wg.Wait()
}

// blame files what the compiler says against the packages that it names.
func (b *tree) blame(made []*compiled, out string) (any bool) {
	for line := range strings.Lines(out) {
		f := inPackage.FindStringSubmatch(line)
		for _, m := range made {
			if f != nil && f[1] == m.Name {
				m.fail(Unbuilt, "%s", line)
				any = true
			}
		}
	}
	return any
}

func clip(out []byte) []byte {
	if len(out) > 6000 {
		return append(out[:6000:6000], "..."...)
	}
	return out
}
