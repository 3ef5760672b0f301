package lint

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"
)

// A ban is a package or one of its functions that some code must not use.
type ban struct {
	what   string   // import path, or import path and name: time.Now
	dirs   []string // where it holds, empty: everywhere
	files  []string // patterns of file names, empty: all files
	except []string // file names, or directories with a trailing slash, where it is allowed
	cure   string
}

// hotFiles are the broker's stages that run for each message.
var hotFiles = []string{"apply*.go", "publish*.go", "match*.go", "fanout*.go", "deliver*.go", "post*.go", "parcel*.go", "flush*.go", "encode*.go"}

// coldLoop are the files of loop that run when loops are opened and closed.
var coldLoop = []string{"group.go", "listen.go", "poller.go", "uring_open_linux.go"}

var bans = []ban{
	{what: "fmt", dirs: []string{"loop"}, except: coldLoop,
		cure: "append to bytes, use strconv, or move what is not hot to a file in coldLoop"},
	{what: "fmt", dirs: []string{"parser"}, except: []string{"error.go"},
		cure: "append to bytes or use strconv; errors are made in error.go"},
	{what: "fmt", dirs: []string{"sublist"}, cure: "append to bytes or use strconv"},
	{what: "fmt", dirs: []string{"internal/broker"}, files: hotFiles, cure: "append to bytes or use strconv; log through a function of a file that is not hot"},

	{what: "time.Now", dirs: []string{"loop"}, except: []string{"system.go"}, cure: "use the loop's cached clock, Loop.Now"},
	{what: "time.Since", dirs: []string{"loop"}, except: []string{"system.go"}, cure: "use the loop's cached clock, Loop.Now"},
	{what: "time.Now", dirs: []string{"parser", "sublist"}, cure: "let the caller pass in the time"},
	{what: "time.Since", dirs: []string{"parser", "sublist"}, cure: "let the caller pass in the time"},
	{what: "time.Now", dirs: []string{"internal/broker"}, files: hotFiles, cure: "use the loop's cached clock, Loop.Now"},
	{what: "time.Since", dirs: []string{"internal/broker"}, files: hotFiles, cure: "use the loop's cached clock, Loop.Now"},
	{what: "time.Sleep", dirs: []string{"loop", "parser", "sublist", "internal/broker", "internal/transport"}, cure: "set a timer of the loop"},

	{what: "log", except: []string{"complaints.go"}, // net/http takes nothing else
		cure: "use internal/logging, which never blocks"},
	{what: "log/slog", cure: "use internal/logging, which never blocks"},
	{what: "fmt.Print", except: []string{"cmd/", "bench/"}, cure: "write to the writer the caller gave, or use internal/logging"},
	{what: "fmt.Printf", except: []string{"cmd/", "bench/"}, cure: "write to the writer the caller gave, or use internal/logging"},
	{what: "fmt.Println", except: []string{"cmd/", "bench/"}, cure: "write to the writer the caller gave, or use internal/logging"},
	{what: "os.Exit", except: []string{"cmd/"}, cure: "return an error up to the program, so that what is open gets closed"},
}

// goroutineRooms are where a go statement may stand. Everything else runs on
// the loop that calls it.
var goroutineRooms = []string{"loop", "internal/server", "internal/leaf", "internal/transport", "internal/monitor", "internal/auth",
	"internal/logging", "bench", "cmd/gnatsd-ev", "cmd/gnatsd-ev-bench", "internal/transcript"}

// holds says whether the ban is for this source.
func (b ban) holds(s source) bool {
	if s.test() || len(b.dirs) > 0 && !slices.Contains(b.dirs, s.dir()) {
		return false
	}
	name := path.Base(s.path)
	for _, e := range b.except {
		if e == name || strings.HasSuffix(e, "/") && strings.HasPrefix(s.path, e) {
			return false
		}
	}
	return len(b.files) == 0 || slices.ContainsFunc(b.files, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// calls complains about what is banned where.
func calls(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		for _, b := range bans {
			if !b.holds(s) {
				continue
			}
			for _, line := range uses(s, b.what) {
				complaints = append(complaints, fmt.Sprintf("%s:%d: %s is not for here: %s", s.path, line, b.what, b.cure))
			}
		}
	}
	return complaints
}

// uses returns the lines where a source imports a package or names one of its
// functions.
func uses(s source, what string) []int {
	var lines []int
	pkg, name, function := strings.Cut(what, ".")
	called := "" // what the package is called in this file
	for _, i := range s.file.Imports {
		if strings.Trim(i.Path.Value, `"`) != pkg {
			continue
		}
		called = path.Base(pkg)
		if i.Name != nil {
			called = i.Name.Name
		}
		if !function {
			lines = append(lines, s.line(i))
		}
	}
	if !function || called == "" {
		return lines
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		if e, ok := n.(*ast.SelectorExpr); ok && e.Sel.Name == name {
			if x, ok := e.X.(*ast.Ident); ok && x.Name == called {
				lines = append(lines, s.line(n))
			}
		}
		return true
	})
	return lines
}

// goroutines complains about go statements where no goroutine may start.
func goroutines(sources []source) []string {
	var complaints []string
	for _, s := range sources {
		if s.test() || slices.Contains(goroutineRooms, s.dir()) {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				complaints = append(complaints, fmt.Sprintf("%s:%d: no goroutine may start in %s: run it on the loop, slice by slice, or let the package that owns its end start it (%s)", s.path, s.line(n), s.dir(), strings.Join(goroutineRooms, " ")))
			}
			return true
		})
	}
	return complaints
}

func TestCalls(t *testing.T)      { report(t, calls(all(t))) }
func TestGoroutines(t *testing.T) { report(t, goroutines(all(t))) }

func TestCallRules(t *testing.T) {
	clock := `package x; import ("time"; "fmt"); var now = time.Now(); var text = fmt.Sprint(1); var _ = time.Second`
	for file, count := range map[string]int{
		"loop/turn.go": 2, "loop/system.go": 1, "loop/group.go": 1, "loop/turn_test.go": 0,
		"parser/next.go": 2, "parser/error.go": 1, "sublist/index.go": 2,
		"internal/broker/deliver_queue.go": 2, "internal/broker/account.go": 0, "internal/config/a.go": 0,
	} {
		expect(t, file, calls([]source{parse(t, file, clock)}), count, "is not for here: ")
	}
	renamed := `package x; import clock "time"; var now = clock.Now()`
	expect(t, "renamed import", calls([]source{parse(t, "loop/turn.go", renamed)}), 1, "Loop.Now")
	shadow := `package x; var time T; var now = time.Now()`
	expect(t, "another time", calls([]source{parse(t, "loop/turn.go", shadow)}), 0, "")
	loud := `package x; import ("fmt"; "os"; "log"); func f() { fmt.Println(); os.Exit(1); log.Print() }`
	expect(t, "loud", calls([]source{parse(t, "internal/auth/a.go", loud)}), 3, "is not for here: ")
	expect(t, "a program", calls([]source{parse(t, "cmd/gnatsd-ev/main.go", loud)}), 1, "internal/logging")

	spawn := `package x; func f() { go f() }`
	expect(t, "broker", goroutines([]source{parse(t, "internal/broker/a.go", spawn)}), 1, "run it on the loop")
	expect(t, "broker's test", goroutines([]source{parse(t, "internal/broker/a_test.go", spawn)}), 0, "")
	expect(t, "loop", goroutines([]source{parse(t, "loop/a.go", spawn)}), 0, "")
}
