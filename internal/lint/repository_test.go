package lint

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// modulePath is the module of this repository.
const modulePath = "gnatsd-ev"

// A source is one Go file of the repository.
type source struct {
	path string // from the root, with slashes: internal/broker/publish.go
	file *ast.File
	set  *token.FileSet
}

// dir returns the source's package directory, "." for the root.
func (s source) dir() string { return path.Dir(s.path) }

// test says whether the source is compiled into tests only.
func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// line returns where a node begins.
func (s source) line(n ast.Node) int { return s.set.Position(n.Pos()).Line }

// imports returns the paths the source imports.
func (s source) imports() []string {
	var paths []string
	for _, i := range s.file.Imports {
		paths = append(paths, strings.Trim(i.Path.Value, `"`))
	}
	return paths
}

// parse makes a source from text, for the tests of the rules.
func parse(t *testing.T, name, text string) source {
	t.Helper()
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	return source{path: name, file: file, set: set}
}

// A listing is what go list says about one package.
type listing struct {
	ImportPath     string
	Dir            string
	GoFiles        []string
	CgoFiles       []string
	IgnoredGoFiles []string // for other systems or tags; they obey the rules too
	TestGoFiles    []string
	XTestGoFiles   []string
}

// repository reads all packages of the module, once.
var repository = sync.OnceValues(func() ([]source, error) {
	root, err := rootDir()
	if err != nil {
		return nil, err
	}
	list := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles", "./...")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return nil, err
	}
	var sources []source
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var l listing
		if err := d.Decode(&l); err == io.EOF {
			return sources, nil
		} else if err != nil {
			return nil, err
		}
		more, err := l.read(root)
		if err != nil {
			return nil, err
		}
		sources = append(sources, more...)
	}
})

// read parses the files of a package.
func (l listing) read(root string) ([]source, error) {
	var names []string
	for _, some := range [][]string{l.GoFiles, l.CgoFiles, l.IgnoredGoFiles, l.TestGoFiles, l.XTestGoFiles} {
		names = append(names, some...)
	}
	var sources []source
	for _, name := range names {
		full := filepath.Join(l.Dir, name)
		short, err := filepath.Rel(root, full)
		if err != nil {
			return nil, err
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, full, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{path: filepath.ToSlash(short), file: file, set: set})
	}
	return sources, nil
}

// rootDir returns the directory of go.mod.
func rootDir() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(out))), err
}

// all returns all sources of the repository.
func all(t *testing.T) []source {
	t.Helper()
	sources, err := repository()
	if err != nil {
		t.Fatal(err)
	}
	if len(sources) < 10 {
		t.Fatalf("only %d Go files found: the rules would pass for nothing", len(sources))
	}
	return sources
}

// report fails the test with each complaint.
func report(t *testing.T, complaints []string) {
	t.Helper()
	for _, c := range complaints {
		t.Error(c)
	}
}

// expect checks a rule on a piece of text: it must complain as often as said,
// and each complaint must hold its cure.
func expect(t *testing.T, what string, complaints []string, count int, cure string) {
	t.Helper()
	if len(complaints) != count {
		t.Errorf("%s: %d complaints, want %d: %q", what, len(complaints), count, complaints)
	}
	for _, c := range complaints {
		if !strings.Contains(c, cure) {
			t.Errorf("%s: %q does not name the cure %q", what, c, cure)
		}
	}
}
