package store

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/xenidc/idc/runtime/platform"
)

// typesInScripts are the names by which the scripts call the requests.
var typesInScripts = map[string]Type{
	"CONTROL": TypeControl, "DIRECTORY": TypeDirectory, "READ": TypeRead,
	"GET_PERMS": TypeGetPerms, "WATCH": TypeWatch, "UNWATCH": TypeUnwatch,
	"START": TypeTransactionStart, "END": TypeTransactionEnd, "INTRODUCE": TypeIntroduce,
	"RELEASE": TypeRelease, "PATH": TypeGetDomainPath, "WRITE": TypeWrite, "MKDIR": TypeMkdir,
	"RM": TypeRm, "SET_PERMS": TypeSetPerms, "EVENT": TypeWatchEvent, "ERROR": TypeError,
	"ISINTRO": TypeIsDomainIntroduced, "RESUME": TypeResume, "TARGET": TypeSetTarget,
	"RESET": TypeResetWatches, "PART": TypeDirectoryPart, "GETF": TypeGetFeature,
	"SETF": TypeSetFeature, "GETQ": TypeGetQuota, "SETQ": TypeSetQuota, "X20": 20, "X99": 99,
}

// script is one file of testdata/measured being played.
type script struct {
	w     *world
	conns map[string]*raw
	txs   map[[2]string]uint32
}

// TestMeasured plays what was asked of the C xenstored.
func TestMeasured(t *testing.T) {
	files, err := filepath.Glob("testdata/measured/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts in testdata/measured:", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := &script{newWorld(t), map[string]*raw{}, map[[2]string]uint32{}}
			for i, line := range strings.Split(string(text), "\n") {
				if line == "" || line[0] == '#' {
					continue
				}
				request, want, _ := strings.Cut(line, " =>")
				if got := s.play(t, request); got != strings.TrimSpace(want) {
					t.Errorf("%s:%d: %s\n got %s\nwant %s", file, i+1, request, got, strings.TrimSpace(want))
				}
			}
		})
	}
}

// play makes one request and returns what came back as a script has it.
func (s *script) play(t *testing.T, line string) string {
	t.Helper()
	f := strings.SplitN(line, " ", 4)
	for len(f) < 4 {
		f = append(f, "")
	}
	conn := s.conn(t, f[0])
	typ, ok := typesInScripts[f[2]]
	if !ok {
		t.Fatalf("no such request: %s", line)
	}
	got, before := conn.ask(typ, s.tx(f[0], f[1]), f[3])
	after := conn.events()
	if typ == TypeTransactionStart && f[1] == "-" && got[0] != '!' {
		s.start(f[0], f[3], got)
		got = "TX"
	}
	if typ == TypeDirectoryPart && got[0] != '!' {
		_, got, _ = strings.Cut(got, "|")
	}
	out := strings.ReplaceAll(got, "\n", `\n`)
	if len(before) > 0 {
		out += " < " + strings.Join(before, " ")
	}
	if len(after) > 0 {
		out += " > " + strings.Join(after, " ")
	}
	return strings.TrimSpace(out)
}

func (s *script) conn(t *testing.T, name string) *raw {
	t.Helper()
	if s.conns[name] == nil {
		var dom uint64
		if rest, ok := strings.CutPrefix(name, "D"); ok {
			n, err := strconv.ParseUint(rest, 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			dom = n
		}
		s.conns[name] = s.w.raw(platform.DomID(dom))
	}
	return s.conns[name]
}

func (s *script) tx(conn, name string) uint32 {
	if id, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(id)
	}
	return s.txs[[2]string{conn, name}]
}

func (s *script) start(conn, payload, reply string) {
	name := strings.TrimPrefix(payload, "|")
	if name == "" {
		name = "a"
	}
	id, _ := strconv.ParseUint(strings.TrimSuffix(reply, "|"), 10, 32)
	s.txs[[2]string{conn, name}] = uint32(id)
}
