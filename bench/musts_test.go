package bench

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// judged is a comparison of which some musts are met, some are not, and one cannot be told.
func judged(t *testing.T) *Comparison {
	t.Helper()
	c := &Comparison{Rounds: 3, Scale: 1, Contenders: []Contender{{Name: "ours"}, {Name: "nats"}, {Name: "redis", Protocol: "redis"}, {Name: "floor", Tasks: []string{"trickle"}}},
		Pairs: []Pair{{"ours", "nats"}}}
	ran := []task{
		{name: "idle", scenario: "conn", rows: []row{{"idle-memory", "memory", "", "ours<=1024"}, {"idle-more", "  more", "", "ours/nats<=0.2 ours/floor<=2 ours/redis<=1"}}},
		{name: "churn", scenario: "churn", how: how{whole: true, rounds: 2}, rows: []row{{"churn", "churn", "", "ours/nats<=0.2 ours/redis<=0.1"}}},
	}
	for _, k := range ran {
		c.Figures = append(c.Figures, k.figures(c.Rounds)...)
	}
	c.Figure("idle-memory").Values = map[string][]Value{"ours": {{1, 1000}, {2, 1024}, {3, 2000}}}
	c.Figure("idle-more").Values = map[string][]Value{"ours": {{1, 3}, {2, 3}, {3, 4}}, "nats": {{1, 10}, {2, 10}, {3, 10}}, "redis": {{1, 3}, {2, 3}, {3, 5}}}
	c.Figure("churn").Values = map[string][]Value{"nats": {{1, 10}, {2, 11}}}
	for _, fig := range c.Figures {
		fig.compare(c.Pairs)
	}
	if err := c.judge(ran); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestMustsAreJudged(t *testing.T) {
	var got []string
	for _, m := range judged(t).Musts {
		got = append(got, strings.Join([]string{m.Row, m.Label, m.Limit, m.outcome()}, "; "))
	}
	want := []string{
		"idle-memory; memory; ours <= 1024; met",
		"idle-more; memory: more; ours/nats <= 0.2; not met",
		"idle-more; memory: more; ours/redis <= 1; met", // the floor took no part in that task
		"churn; churn; ours/nats <= 0.2; not measured",  // nor has Redis words for it
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("judged:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestDocumentsKeepWhatIsAroundAComparison(t *testing.T) {
	dir := t.TempDir()
	name, other := filepath.Join(dir, "a", "made.md"), filepath.Join(dir, "other.md")
	read := func(name string) string {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	c := judged(t)
	if err := c.WriteFile(name); err != nil {
		t.Fatal(err)
	}
	made := read(name)
	for _, want := range []string{
		"<!-- comparison -->\n", "\n<!-- /comparison -->\n", "| memory | idle-memory | ours <= 1024 | 1024 | met |\n", "| … more | idle-more | 0.300 (", "| **not met** |\n",
		"| churn |  | - | 10.5 | - | - |\n", "Rows with fewer rounds: churn 2.",
	} {
		if !strings.Contains(made, want) {
			t.Errorf("%q is not in %s", want, made)
		}
	}
	if err := os.WriteFile(other, []byte("# Before\n"+made+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Figure("idle-memory").Values["ours"] = []Value{{1, 77}, {2, 77}, {3, 77}}
	if err := c.WriteFile(other); err != nil {
		t.Fatal(err)
	}
	again := read(other)
	if !strings.HasPrefix(again, "# Before\n<!-- comparison -->\n") || !strings.HasSuffix(again, "<!-- /comparison -->\nafter\n") ||
		!strings.Contains(again, "| 77.0 |") || strings.Contains(again, "| 1024 | - |") {
		t.Errorf("written over: %s", again)
	}
	if err := os.WriteFile(other, []byte("# Before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFile(other); err == nil || read(other) != "# Before\n" {
		t.Errorf("a document without markers was written over: %v", err)
	}
}
