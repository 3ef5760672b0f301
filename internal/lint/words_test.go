package lint

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A word must not stand in any tracked file. The words are put together here,
// so that this file does not hold them.
type word struct{ text, cure string }

var words = []word{
	{"/wo" + "rk/", "paths of the place where this was made mean nothing elsewhere: use a path in the repository"},
	{".libr" + "ary", "name the public source and not a copy of it"},
	{"/tmp/pe" + "ers", "use what is on the PATH, or build it"},
}

// goWords must not stand in Go files.
var goWords = []word{
	{"TO" + "DO", "do it, or put it into ROADMAP.md"},
	{"FIX" + "ME", "do it, or put it into ROADMAP.md"},
}

// spoken complains about words in a file.
func spoken(name string, content []byte) []string {
	forbidden := words
	if strings.HasSuffix(name, ".go") {
		forbidden = append(forbidden[:len(words):len(words)], goWords...)
	}
	var complaints []string
	for _, w := range forbidden {
		if at := bytes.Index(content, []byte(w.text)); at >= 0 {
			complaints = append(complaints, fmt.Sprintf("%s:%d: holds %q: %s", name, 1+bytes.Count(content[:at], []byte("\n")), w.text, w.cure))
		}
	}
	return complaints
}

// tracked returns the names of all files under version control.
func tracked(root string) ([]string, error) {
	list := exec.Command("git", "ls-files", "-z")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-files: %w", err)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"), nil
}

func TestWords(t *testing.T) {
	root, err := rootDir()
	if err != nil {
		t.Fatal(err)
	}
	names, err := tracked(root)
	if err != nil {
		t.Skip("not a git checkout:", err)
	}
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(root, name))
		if os.IsNotExist(err) {
			continue // removed, but not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		report(t, spoken(name, content))
	}
}

func TestWordRules(t *testing.T) {
	for _, w := range words {
		expect(t, w.text, spoken("a.md", []byte("x\ny "+w.text+" z")), 1, "a.md:2: ")
	}
	for _, w := range goWords {
		expect(t, w.text, spoken("a.go", []byte("// "+w.text)), 1, "ROADMAP.md")
		expect(t, w.text, spoken("a.md", []byte(w.text)), 0, "")
	}
	expect(t, "clean", spoken("a.go", []byte("package work // see library.go")), 0, "")
}
