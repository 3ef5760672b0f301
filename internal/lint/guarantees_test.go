package lint

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Where each promise, and each advisory, names the tests that show it. Of an advisory it may be said instead why there is
// nothing to show.
const (
	guarantees = "docs/guarantees.md"
	advisories = "docs/advisories.md"
)

var (
	notHere      = regexp.MustCompile(`\| does not apply: \S+ \S+ `)
	namedTest    = regexp.MustCompile("`([a-z]+)\\.((?:Test|Fuzz)\\w+)`")
	declaredTest = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
)

// unshown complains about promises without a test, and about tests that are named and
// do not exist. Tests go by the last word of their directory and their name.
func unshown(file, document string, exists map[string]bool) []string {
	var complaints []string
	for i, line := range strings.Split(document, "\n") {
		names := namedTest.FindAllStringSubmatch(line, -1)
		promise := strings.HasPrefix(line, "| ") && !strings.HasPrefix(line, "| promise ") && !strings.HasPrefix(line, "| advisory ")
		promise = promise && !(file == advisories && notHere.MatchString(line))
		if promise && len(names) == 0 {
			complaints = append(complaints, fmt.Sprintf("%s:%d: a promise without a test: name one, or move it to what we do not promise", file, i+1))
		}
		for _, name := range names {
			if test := name[1] + "." + name[2]; !exists[test] {
				complaints = append(complaints, fmt.Sprintf("%s:%d: there is no %s: name the test that shows this now", file, i+1, test))
			}
		}
	}
	return complaints
}

// tests returns the tests of all modules in the repository.
func tests(t *testing.T, root string) map[string]bool {
	t.Helper()
	names, err := tracked(root)
	if err != nil {
		t.Fatal(err)
	}
	exists := make(map[string]bool)
	for _, name := range names {
		if !strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range declaredTest.FindAllSubmatch(content, -1) {
			exists[path.Base(path.Dir(name))+"."+string(found[1])] = true
		}
	}
	return exists
}

func TestGuaranteesAreShown(t *testing.T) {
	root, err := rootDir()
	if err != nil {
		t.Fatal(err)
	}
	exists := tests(t, root)
	for _, file := range []string{guarantees, advisories} {
		document, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		report(t, unshown(file, string(document), exists))
	}
}

func TestGuaranteeRules(t *testing.T) {
	exists := map[string]bool{"loop.TestThere": true}
	expect(t, "there", unshown(guarantees, "| promise | shown by |\n|---|---|\n| It is. | `loop.TestThere` |\n\n- none here\n", exists), 0, "")
	expect(t, "gone", unshown(guarantees, "| It is. | `loop.TestThere` `loop.TestGone` |", exists), 1, "there is no loop.TestGone")
	expect(t, "elsewhere", unshown(guarantees, "| It is. | `parser.TestThere` |", exists), 1, "there is no parser.TestThere")
	expect(t, "nothing", unshown(guarantees, "| It is. | so there |", exists), 1, "without a test")
	expect(t, "not here", unshown(advisories, "| CVE-1 | It was. | does not apply: there is none |", exists), 0, "")
	expect(t, "no reason", unshown(advisories, "| CVE-1 | It was. | does not apply |", exists), 1, "without a test")
	expect(t, "no excuse", unshown(guarantees, "| It is. | does not apply: there is none |", exists), 1, "without a test")
}
