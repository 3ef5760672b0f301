package lint

import (
	"fmt"
	"go/ast"
	"testing"
)

// undocumented complains about exported names without a comment, and about
// packages without one. Methods that only fulfil error and fmt.Stringer say
// enough with their names.
func undocumented(sources []source) []string {
	var complaints []string
	told := make(map[string]bool) // packages with a package comment
	seen := make(map[string]bool)
	for _, s := range sources {
		if s.test() {
			continue
		}
		seen[s.dir()] = true
		told[s.dir()] = told[s.dir()] || s.file.Doc != nil
		if s.file.Name.Name == "main" {
			continue
		}
		for _, d := range s.file.Decls {
			for _, name := range bare(d) {
				complaints = append(complaints, fmt.Sprintf("%s:%d: %s is exported without a comment: say what it is, units, errors, who may call it, or write it small", s.path, s.line(name), name.Name))
			}
		}
	}
	for dir := range seen {
		if !told[dir] {
			complaints = append(complaints, fmt.Sprintf("%s has no package comment: write a doc.go that says what the package is for", dir))
		}
	}
	return complaints
}

// bare returns the exported names of a declaration that nothing describes.
func bare(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		receiver := receiverType(d)
		exported := d.Name.IsExported() && (receiver == "" || ast.IsExported(receiver))
		if exported && d.Doc == nil && !(receiver != "" && selfEvident(d.Name.Name)) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		var names []*ast.Ident
		for _, spec := range d.Specs {
			names = append(names, bareSpec(spec, d.Doc != nil)...)
		}
		return names
	}
	return nil
}

// bareSpec is bare for one line of a declaration. A comment over a group
// describes its constants and variables, but not its types.
func bareSpec(spec ast.Spec, described bool) []*ast.Ident {
	var names []*ast.Ident
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() && spec.Doc == nil && !described {
			names = append(names, spec.Name)
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() && spec.Doc == nil && spec.Comment == nil && !described {
				names = append(names, name)
			}
		}
	}
	return names
}

// selfEvident are the methods of error and fmt.Stringer.
func selfEvident(name string) bool {
	return name == "Error" || name == "String" || name == "Unwrap"
}

func TestDocumented(t *testing.T) { report(t, undocumented(all(t))) }

func TestDocumentedRules(t *testing.T) {
	text := func(body string) []source {
		return []source{parse(t, "a/a.go", "// Package a is documented.\npackage a\n\n"+body)}
	}
	for body, count := range map[string]int{
		"func F() {}": 1, "// F does.\nfunc F() {}": 0, "func f() {}": 0,
		"func (T) F() {}": 1, "func (*T[K]) F() {}": 1, "func (t) F() {}": 0, "func (T) Error() string { return \"\" }": 0, "func Error() {}": 1,
		"type T int": 1, "// T is.\ntype T int": 0, "type t int": 0, "type (\n// T is.\nT int\nU int\n)": 1,
		"const A, B = 1, 2": 2, "const A = 1 // one": 0, "// Numbers.\nconst (\nA = 1\nB = 2\n)": 0, "const (\nA = 1\n// B is.\nB = 2\n)": 1,
		"var V int": 1,
	} {
		expect(t, body, undocumented(text(body)), count, "say what it is")
	}
	expect(t, "package", undocumented([]source{parse(t, "a/a.go", "package a")}), 1, "doc.go")
	expect(t, "test", undocumented([]source{parse(t, "a/a_test.go", "package a; func F() {}")}), 0, "")
	expect(t, "program", undocumented([]source{parse(t, "a/a.go", "// Command a.\npackage main\nfunc F() {}")}), 0, "")
}
