package subject

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// The answers in this table are those of nats-server 2.15.2: IsValidSubject,
// IsValidLiteralSubject and subjectIsLiteral.
var rules = []struct {
	subject      string
	subscription bool
	publish      bool
	literal      bool
}{
	{"", false, false, true},
	{"foo", true, true, true},
	{"foo.bar", true, true, true},
	{"foo.bar.baz", true, true, true},
	{".", false, false, true},
	{"..", false, false, true},
	{".foo", false, false, true},
	{"foo.", false, false, true},
	{"foo..bar", false, false, true},
	{"*", true, false, false},
	{">", true, false, false},
	{"foo.*", true, false, false},
	{"foo.>", true, false, false},
	{"*.foo", true, false, false},
	{">.foo", false, false, false},
	{"foo.>.bar", false, false, false},
	{"foo.*.", false, false, false},
	{"foo*", true, true, true},
	{"*foo", true, true, true},
	{"foo*.bar", true, true, true},
	{"f>", true, true, true},
	{"foo.>>", true, true, true},
	{"**", true, true, true},
	{"foo.**", true, true, true},
	{"*.*.>", true, false, false},
	{"foo bar", false, true, true},
	{"foo. ", false, true, true},
	{"foo.\t", false, true, true},
	{"foo\rbar", false, true, true},
	{"foo\nbar", false, true, true},
	{"foo\fbar", false, true, true},
	{" ", false, true, true},
	{"\f", false, true, true},
	{"a\vb", true, true, true},
	{"a.\x00.b", true, true, true},
	{"é.ü", true, true, true},
	{"foo.\xff", true, true, true},
	{"*.\xff.>", true, false, false},
}

func TestRules(t *testing.T) {
	for _, rule := range rules {
		view := []byte(rule.subject)
		if ValidSubscription(view) != rule.subscription || ValidSubscription(rule.subject) != rule.subscription {
			t.Errorf("ValidSubscription(%q) is not %v", rule.subject, rule.subscription)
		}
		if ValidPublish(view) != rule.publish || ValidPublish(rule.subject) != rule.publish {
			t.Errorf("ValidPublish(%q) is not %v", rule.subject, rule.publish)
		}
		if IsLiteral(view) != rule.literal || IsLiteral(rule.subject) != rule.literal {
			t.Errorf("IsLiteral(%q) is not %v", rule.subject, rule.literal)
		}
	}
}

// The answers in this table are those of nats-server 2.15.2: each pattern alone
// in a sublist, then Match.
var deliveries = []struct {
	pattern, published string
	delivered          bool
}{
	{"foo", "foo", true},
	{"foo", "bar", false},
	{"foo", "foo.bar", false},
	{"foo.bar", "foo", false},
	{"*", "foo", true},
	{"*", "foo.bar", false},
	{"*", "", false},
	{">", "foo", true},
	{">", "foo.bar.baz", true},
	{">", "", false},
	{"foo.*", "foo.bar", true},
	{"foo.*", "foo", false},
	{"foo.*", "foo.", false},
	{"foo.*", "foo.bar.baz", false},
	{"foo.>", "foo", false},
	{"foo.>", "foo.", false},
	{"foo.>", "foo.bar", true},
	{"foo.>", "foo..bar", false},
	{"foo.>", "foo.bar.", false},
	{"foo.>", ".foo", false},
	{">", "foo..bar", false},
	{">", ".", false},
	{"*.*", ".", false},
	{"*.bar", "foo.bar", true},
	{"*.bar", "foo.baz", false},
	{"*.bar", ".bar", false},
	{"foo.*.baz", "foo.bar.baz", true},
	{"foo.*.baz", "foo..baz", false},
	{"foo.*.>", "foo.bar", false},
	{"foo.*.>", "foo.bar.baz.x", true},
	{"foo.*", "foo.*", true},
	{"foo.>", "foo.*", true},
	{"foo.*", "foo.>", true},
	{"foo.>", "foo.>", true},
	{"*", ">", true},
	{">", "*", true},
	{"foo.bar", "foo.*", false},
	{"foo*", "foobar", false},
	{"foo*", "foo*", true},
	{"foo.b*", "foo.bar", false},
	{"*.*.*", "a.b.c", true},
	{"*.*.*", "a.b", false},
	{"Foo", "foo", false},
	{"foo", "foo ", false},
}

func TestMatches(t *testing.T) {
	for _, d := range deliveries {
		if Matches(d.pattern, d.published) != d.delivered || Matches([]byte(d.pattern), []byte(d.published)) != d.delivered {
			t.Errorf("Matches(%q, %q) is not %v", d.pattern, d.published, d.delivered)
		}
	}
}

func TestTokens(t *testing.T) {
	for s, want := range map[string]int{"": 0, "foo": 1, ".": 2, "foo.bar": 2, "foo..bar": 3, "a.b.c.": 4} {
		if got := Tokens([]byte(s)); got != want {
			t.Errorf("Tokens(%q) = %d, want %d", s, got, want)
		}
	}
}

// TestAgainstSplit compares every rule with the same rule written over
// strings.Split, for short random subjects made of the bytes that matter.
func TestAgainstSplit(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	draw := func() string {
		b := make([]byte, random.IntN(7))
		for i := range b {
			b[i] = "..ab*> "[random.IntN(7)]
		}
		return string(b)
	}
	for range 200_000 {
		s := draw()
		tokens := strings.Split(s, ".")
		wellFormed, noWildcard, restLast, noBlank := true, true, true, true
		for i, token := range tokens {
			wellFormed = wellFormed && token != ""
			noWildcard = noWildcard && token != "*" && token != ">"
			restLast = restLast && (token != ">" || i == len(tokens)-1)
			noBlank = noBlank && !strings.Contains(token, " ")
		}
		if WellFormed(s) != wellFormed || IsLiteral(s) != noWildcard ||
			ValidPublish(s) != (wellFormed && noWildcard) || ValidSubscription(s) != (wellFormed && restLast && noBlank) {
			t.Fatalf("%q: well-formed %v, literal %v, publish %v, subscription %v", s,
				WellFormed(s), IsLiteral(s), ValidPublish(s), ValidSubscription(s))
		}
		pattern := draw()
		if ValidSubscription(pattern) && Matches(pattern, s) != (wellFormed && matchesTokens(strings.Split(pattern, "."), tokens)) {
			t.Fatalf("Matches(%q, %q) = %v", pattern, s, Matches(pattern, s))
		}
	}
}

func matchesTokens(pattern, tokens []string) bool {
	switch {
	case len(pattern) == 0 || len(tokens) == 0:
		return len(pattern) == len(tokens)
	case pattern[0] == ">":
		return true
	case pattern[0] != "*" && pattern[0] != tokens[0]:
		return false
	}
	return matchesTokens(pattern[1:], tokens[1:])
}

func TestNoAllocation(t *testing.T) {
	pattern, published := []byte("orders.*.created.>"), []byte("orders.eu.created.7.8.and.a.longer.tail.than.any.buffer.on.the.stack")
	if n := testing.AllocsPerRun(100, func() {
		if !Matches(pattern, published) || !ValidSubscription(pattern) || !ValidPublish(published) || IsLiteral(pattern) || Tokens(published) == 0 {
			t.Fail()
		}
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

func BenchmarkValidSubscription(b *testing.B) {
	s := []byte("orders.eu.west.*.created")
	for b.Loop() {
		ValidSubscription(s)
	}
}
