package lint

import (
	"fmt"
	"go/ast"
	"testing"
)

const (
	// fileLinesMax is where a file has become two.
	fileLinesMax = 500

	// functionLinesMax is a screen.
	functionLinesMax = 70
)

// longFunctions may be longer, up to the lines given here. The list only
// shrinks: a function that got shorter lowers its number or leaves.
var longFunctions = map[string]int{}

// lengths complains about long files, and about long functions outside tests
// (a table of test cases may be as long as it is).
func lengths(sources []source, allowed map[string]int) []string {
	var complaints []string
	used := make(map[string]bool)
	for _, s := range sources {
		if n := s.set.Position(s.file.FileEnd).Line; n > fileLinesMax {
			complaints = append(complaints, fmt.Sprintf("%s has %d lines: split it by noun or verb below %d", s.path, n, fileLinesMax))
		}
		if s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			name := s.dir() + "." + functionName(f)
			lines := s.set.Position(f.End()).Line - s.line(f) + 1
			limit, listed := allowed[name]
			used[name] = listed
			if lines > max(limit, functionLinesMax) {
				complaints = append(complaints, fmt.Sprintf("%s:%d: %s has %d lines: move steps with a name of their own into functions, until it has %d", s.path, s.line(f), name, lines, max(limit, functionLinesMax)))
			}
			if listed && lines < limit {
				complaints = append(complaints, fmt.Sprintf("%s has %d lines now: lower its number in longFunctions, or remove it at %d", name, lines, functionLinesMax))
			}
		}
	}
	for name := range allowed {
		if !used[name] {
			complaints = append(complaints, fmt.Sprintf("%s does not exist any more: remove it from longFunctions", name))
		}
	}
	return complaints
}

// functionName returns the name of a function, for a method with its type.
func functionName(f *ast.FuncDecl) string {
	if receiver := receiverType(f); receiver != "" {
		return receiver + "." + f.Name.Name
	}
	return f.Name.Name
}

// receiverType returns the type a method belongs to, empty for a function.
func receiverType(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) == 0 {
		return ""
	}
	e := f.Recv.List[0].Type
	for {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.IndexExpr:
			e = t.X
		case *ast.IndexListExpr:
			e = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

func TestLengths(t *testing.T) { report(t, lengths(all(t), longFunctions)) }

func TestLengthRules(t *testing.T) {
	lines := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = '\n'
		}
		return string(b)
	}
	// The body's braces make the function one line longer than its empty lines.
	long := parse(t, "a/a.go", "package a\nfunc (t *T[K]) f() {"+lines(70)+"}\n")
	expect(t, "long function", lengths([]source{long}, nil), 1, "a.T.f has 71 lines: move steps")
	expect(t, "listed", lengths([]source{long}, map[string]int{"a.T.f": 71}), 0, "")
	expect(t, "grown", lengths([]source{long}, map[string]int{"a.T.f": 70}), 1, "move steps")
	expect(t, "shrunk", lengths([]source{long}, map[string]int{"a.T.f": 80}), 1, "lower its number")
	expect(t, "gone", lengths([]source{long}, map[string]int{"a.T.f": 71, "a.g": 80}), 1, "remove it")
	expect(t, "screen", lengths([]source{parse(t, "a/a.go", "package a\nfunc f() {"+lines(69)+"}\n")}, nil), 0, "")
	expect(t, "long test", lengths([]source{parse(t, "a/a_test.go", "package a\nfunc f() {"+lines(90)+"}\n")}, nil), 0, "")
	expect(t, "long file", lengths([]source{parse(t, "a/a.go", "package a"+lines(501))}, nil), 1, "split it")
	expect(t, "full file", lengths([]source{parse(t, "a/a.go", "package a"+lines(500))}, nil), 0, "")
}
