package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rooms says which packages of this module each package may import in what it
// compiles outside tests; tests of upper rooms may drive lower ones freely.
// Imports point down only; the four in the middle (loop, transport, parser,
// sublist) do not know one another. Everyone may import the packages in
// everywhere.
var rooms = map[string][]string{
	"cmd/gnatsd-ev":       {"internal/server"},
	"cmd/gnatsd-ev-bench": {"bench"},

	"internal/server": {"internal/leaf", "internal/monitor", "internal/broker", "internal/auth", "internal/config",
		"loop", "internal/transport", "parser", "sublist", "internal/proto", "internal/subject", "internal/logging"},
	"internal/leaf": {"internal/broker", "internal/auth", "internal/config",
		"loop", "internal/transport", "parser", "sublist", "internal/proto", "internal/subject", "internal/logging"},
	"internal/monitor": {"internal/broker", "internal/auth", "internal/config",
		"loop", "internal/transport", "parser", "sublist", "internal/proto", "internal/subject", "internal/logging"},
	"internal/broker": {"internal/auth", "internal/config",
		"loop", "internal/transport", "parser", "sublist", "internal/proto", "internal/subject", "internal/logging"},
	"internal/auth":   {"internal/config", "internal/proto", "internal/subject", "internal/logging"},
	"internal/config": {"internal/proto", "internal/subject", "internal/logging"},

	"loop":               {"internal/logging"}, // no NATS word in there
	"internal/transport": {"internal/logging"},
	"parser":             {"internal/proto", "internal/subject"},
	"sublist":            {"internal/subject"},

	"internal/age":       {},
	"internal/proto":     {},
	"internal/subject":   {},
	"internal/logging":   {},
	"internal/invariant": {},

	"bench": {"internal/proto", "internal/transport", "internal/certificate", "loop"},

	// Tools of tests, and of comparisons; nothing the broker runs imports them.
	"internal/transcript":  {"internal/proto"},
	"internal/certificate": {},
	"internal/lint":        {},

	"internal": {}, // only its doc.go
}

// everywhere may be imported by all.
var everywhere = []string{"internal/age", "internal/invariant"}

// foreign says which other modules the program may use. More dependencies are
// a decision: write it down in docs/decisions/ first.
var foreign = []string{
	"golang.org/x/sys/",
	"golang.org/x/crypto/bcrypt",
	"github.com/HdrHistogram/hdrhistogram-go",
	"github.com/nats-io/nats-server/v2/conf",
	"github.com/nats-io/nkeys",
	"github.com/nats-io/nuid",
	"github.com/valyala/bytebufferpool",
	gnet,
}

// gnet is imported by one file, so that its poller can be replaced there.
const gnet = "github.com/panjf2000/gnet/v2"

// arrows complains about imports that do not point down.
func arrows(sources []source) []string {
	var complaints []string
	unknown := make(map[string]bool)
	for _, s := range sources {
		may, known := rooms[s.dir()]
		if !known && !unknown[s.dir()] {
			unknown[s.dir()] = true
			complaints = append(complaints, fmt.Sprintf("%s is a room nobody knows: put it into a known package, or into the table rooms in internal/lint/rooms_test.go with what it may import, and into docs/architecture.md", s.dir()))
		}
		if !known || s.test() {
			continue
		}
		for _, path := range s.imports() {
			below, own := strings.CutPrefix(path, modulePath+"/")
			if own && !slices.Contains(may, below) && !slices.Contains(everywhere, below) {
				complaints = append(complaints, fmt.Sprintf("%s imports %s, which is not below %s: declare a small interface in the lower package and let the upper one pass in what implements it", s.path, below, s.dir()))
			}
		}
	}
	return complaints
}

// modules complains about dependencies the program does not have yet.
func modules(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		for _, path := range s.imports() {
			first, _, _ := strings.Cut(path, "/")
			if !strings.Contains(first, ".") {
				continue
			}
			if !slices.ContainsFunc(foreign, func(m string) bool { return strings.HasPrefix(path, m) }) {
				complaints = append(complaints, fmt.Sprintf("%s imports %s, a new dependency: use the standard library, keep it to the conformance module if only tests need it, or add it to foreign in internal/lint/rooms_test.go with a note in docs/decisions/", s.path, path))
			}
		}
	}
	return complaints
}

// oneFile complains if gnet is imported by more than one file.
func oneFile(sources []source) []string {
	var importers []string
	for _, s := range sources {
		if slices.ContainsFunc(s.imports(), func(p string) bool { return strings.HasPrefix(p, gnet) }) {
			importers = append(importers, s.path)
		}
	}
	if len(importers) > 1 {
		return []string{fmt.Sprintf("gnet is imported by %s: only loop/poller.go may know it, the others call loop", strings.Join(importers, " and "))}
	}
	return nil
}

func TestArrows(t *testing.T)  { report(t, arrows(all(t))) }
func TestModules(t *testing.T) { report(t, modules(all(t))) }
func TestOneFile(t *testing.T) { report(t, oneFile(all(t))) }

// The table itself must point down: no two rooms may import each other, by
// whatever way.
func TestRoomsHaveNoCircle(t *testing.T) {
	var visit func(room string, way []string)
	visit = func(room string, way []string) {
		if slices.Contains(way, room) {
			t.Fatalf("a circle: %s", strings.Join(append(way, room), " -> "))
		}
		for _, below := range rooms[room] {
			if _, known := rooms[below]; !known {
				t.Errorf("%s may import %s, which is not in the table", room, below)
			}
			visit(below, append(way, room))
		}
	}
	for room := range rooms {
		visit(room, nil)
	}
}

func TestArrowRules(t *testing.T) {
	up := parse(t, "loop/a.go", `package loop; import "gnatsd-ev/internal/broker"`)
	down := parse(t, "internal/broker/a.go", `package broker; import ("gnatsd-ev/loop"; "gnatsd-ev/internal/invariant")`)
	side := parse(t, "parser/a.go", `package parser; import "gnatsd-ev/sublist"`)
	test := parse(t, "loop/a_test.go", `package loop; import "gnatsd-ev/internal/transcript"`)
	odd := parse(t, "internal/util/a.go", `package util`)
	expect(t, "up", arrows([]source{up}), 1, "interface")
	expect(t, "down", arrows([]source{down}), 0, "")
	expect(t, "sideways", arrows([]source{side}), 1, "interface")
	expect(t, "test", arrows([]source{test}), 0, "")
	expect(t, "unknown room", arrows([]source{odd, odd}), 1, "known package")

	one := parse(t, "loop/poller.go", `package loop; import "github.com/panjf2000/gnet/v2/pkg/netpoll"`)
	two := parse(t, "loop/poller_bsd.go", `package loop; import "github.com/panjf2000/gnet/v2"`)
	expect(t, "gnet once", oneFile([]source{one, down}), 0, "")
	expect(t, "gnet twice", oneFile([]source{one, two}), 1, "loop/poller.go")
	expect(t, "known module", modules([]source{one}), 0, "")
	expect(t, "unknown module", modules([]source{parse(t, "loop/a.go", `package loop; import "go.uber.org/zap"`)}), 1, "standard library")
}
