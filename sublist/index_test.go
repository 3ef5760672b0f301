package sublist

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"gnatsd-ev/internal/subject"
)

// A model is what an index must answer: a plain list of subjects, compared one
// by one with the rules of internal/subject.
type model map[string]*value

func (m model) match(published string) []int {
	var numbers []int
	for s, v := range m {
		if subject.Matches(s, published) {
			numbers = append(numbers, v.n)
		}
	}
	slices.Sort(numbers)
	return numbers
}

func numbers(values []*value) []int {
	var numbers []int
	for _, v := range values {
		numbers = append(numbers, v.n)
	}
	slices.Sort(numbers)
	return numbers
}

// check compares one published subject, asked twice so that the second answer
// may come from the cache, and without a cache.
func (m model) check(t testing.TB, published string, matchers ...*Matcher[value]) {
	t.Helper()
	want := m.match(published)
	for _, matcher := range matchers {
		for range 2 {
			if got := numbers(matcher.Match(nil, []byte(published))); !slices.Equal(got, want) {
				t.Fatalf("published %q: matched %v, want %v of %v", published, got, want, m)
			}
		}
	}
}

// checkAll compares what the index lists, holds and counts.
func (m model) checkAll(t testing.TB, x *Index[value]) {
	t.Helper()
	seen, literals := map[string]bool{}, 0
	for s, v := range x.All {
		if seen[s] || m[s] != v || x.Get(s) != v {
			t.Fatalf("All gives %q = %v, again %v, Get %v, want %v", s, v, seen[s], x.Get(s), m[s])
		}
		seen[s] = true
		if subject.IsLiteral(s) {
			literals++
		}
	}
	if l, p := x.Len(); len(seen) != len(m) || l != literals || p != len(m)-literals {
		t.Fatalf("%d literals, %d patterns, %d listed, want %d and %d", l, p, len(seen), literals, len(m)-literals)
	}
}

// checkEmpty fails if anything is left of an index whose last entry is gone.
func checkEmpty(t testing.TB, x *Index[value]) {
	t.Helper()
	if x.literals.dir.Load() != nil || x.literals.len() != 0 {
		t.Fatalf("the table of literals is not empty: %d", x.literals.len())
	}
	if p := x.patterns.Load(); p != nil {
		if p.edges.dir.Load() != nil || !p.root.empty() || p.count.Load() != 0 || p.edges.len() != 0 {
			t.Fatalf("the trie is not empty: %d patterns, %d edges, root %+v", p.count.Load(), p.edges.len(), &p.root)
		}
	}
}

// An alphabet decides how often random subjects meet.
type alphabet struct {
	tokens    []string // of patterns
	published []string // of published subjects
	length    int
}

var alphabets = []alphabet{
	{[]string{"a", "b", "*", ">"}, []string{"a", "b"}, 5},
	{[]string{"a", "*", "*", ">"}, []string{"a", "b", "*", ">"}, 8},
	{[]string{"a", "aa", "aaa", "*", "a*", "*a", "a>", "**"}, []string{"a", "aa", "a*", "**", "", "aaa"}, 4},
	{[]string{"_INBOX", "orders", "x", "*", ">", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, []string{"_INBOX", "orders", "x", "1", "2", "3"}, 3},
	{[]string{"\x00", "\xff", " ", "é", "*"}, []string{"\x00", "\xff", " ", "é", ".", "\x00\x00"}, 3},
}

func draw(random *rand.Rand, tokens []string, length int) string {
	made := make([]string, 1+random.IntN(length))
	for i := range made {
		made[i] = tokens[random.IntN(len(tokens))]
	}
	return strings.Join(made, ".")
}

// pattern draws a subject whose `>` stands only at the end.
func (a alphabet) pattern(random *rand.Rand) string {
	s := draw(random, a.tokens, a.length)
	if at := strings.Index("."+s, ".>."); at >= 0 {
		return s[:at+1]
	}
	return s
}

func TestRandomOperations(t *testing.T) {
	for seed := range uint64(20) {
		a := alphabets[seed%uint64(len(alphabets))]
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 7))
			x, m := New[value](), model{}
			cached, small, walking := NewMatcher(x, 256), NewMatcher(x, 1), NewMatcher(x, 0)
			target := 1 << random.IntN(9)
			for op := range 4_000 {
				s := a.pattern(random)
				if random.IntN(2*target) < len(m) {
					for s = range m { // any
						break
					}
					delete(m, s)
					x.Delete(s)
				} else {
					m[s] = &value{op}
					x.Set(strings.Clone(s), m[s])
				}
				if x.Get(s) != m[s] {
					t.Fatalf("Get(%q) = %v, want %v", s, x.Get(s), m[s])
				}
				m.check(t, draw(random, a.published, a.length), cached, small, walking)
				m.check(t, s, cached, small, walking)
			}
			m.checkAll(t, x)
			for s := range m {
				x.Delete(s)
				delete(m, s)
				m.check(t, draw(random, a.published, a.length), cached, small, walking)
			}
			checkEmpty(t, x)
		})
	}
}

// TestManyLiterals goes through splits and merges of pages and looks at every
// literal on the way up and down.
func TestManyLiterals(t *testing.T) {
	const count = 30_000
	x, m := New[value](), model{}
	all := subjects(count, "many.%d")
	for i, s := range all {
		m[s] = &value{i}
		x.Set(s, m[s])
		x.Delete(s + "absent")
	}
	m.checkAll(t, x)
	deepest := x.literals.dir.Load().depth
	for i, s := range all {
		x.Delete(s)
		delete(m, s)
		if i%5_000 == 0 {
			m.checkAll(t, x)
		}
		if x.Literal([]byte(s)) != nil {
			t.Fatalf("%q is still there", s)
		}
		if i == count-300 {
			d := x.literals.dir.Load()
			if d.depth > 3 || x.literals.pages > 8 || deepest < 6 {
				t.Errorf("%d pages and depth %d for 300 literals, depth %d for %d", x.literals.pages, d.depth, deepest, count)
			}
		}
	}
	checkEmpty(t, x)
}

func TestManyPatternsUnderOneParent(t *testing.T) {
	x, m := New[value](), model{}
	for i, s := range subjects(20_000, "users.%d.*") {
		m[s] = &value{i}
		x.Set(s, m[s])
	}
	m.checkAll(t, x)
	matcher := NewMatcher(x, 64)
	for s, v := range m {
		got := matcher.Match(nil, []byte(strings.Replace(s, "*", "x", 1)))
		if len(got) != 1 || got[0] != v {
			t.Fatalf("%q matched %v", s, numbers(got))
		}
	}
	for s := range m {
		x.Delete(s)
	}
	checkEmpty(t, x)
}

func TestResultsStay(t *testing.T) {
	x := New[value]()
	x.Set("a.*", &value{1})
	x.Set("a.b", &value{2})
	m := NewMatcher(x, 16)
	m.Match(nil, []byte("a.b"))
	held := m.Match(nil, []byte("a.b"))
	x.Set("a.*", &value{3})
	x.Set("a.b", &value{4})
	later := m.Match(nil, []byte("a.b"))
	x.Delete("a.*")
	x.Delete("a.b")
	for range 3 {
		if got := m.Match(nil, []byte("a.b")); got != nil {
			t.Errorf("deleted, but matched %v", numbers(got))
		}
	}
	if !slices.Equal(numbers(held), []int{1, 2}) || !slices.Equal(numbers(later), []int{3, 4}) {
		t.Errorf("results changed behind the reader: %v %v", numbers(held), numbers(later))
	}
}

// TestWriter checks the edges of the writer's methods.
func TestWriter(t *testing.T) {
	x, one, two := New[value](), &value{1}, &value{2}
	x.Batch(func(w *Writer[value]) {
		for _, s := range []string{"a", "a.b", "a.*", ">", "*", "a.>"} {
			w.Delete(s)
			if w.Get(s) != nil {
				t.Errorf("%q is there before it was set", s)
			}
			w.Set(s, one)
			w.Set(s, two)
			w.Set(strings.Clone(s), one)
			if w.Get(s) != one || x.Get(s) != one {
				t.Errorf("%q is %v, want the last value", s, w.Get(s))
			}
		}
		w.Delete("a.c")
		w.Delete("*.b")
		w.Delete("a.*.>")
	})
	if l, p := x.Len(); l != 2 || p != 4 {
		t.Errorf("%d literals and %d patterns, want 2 and 4", l, p)
	}
	for range x.All {
		break
	}
	for _, s := range []string{"a", "a.b", "a.*", ">", "*", "a.>"} {
		x.Set(s, nil)
	}
	checkEmpty(t, x)
}

// TestInvalidSubjects: what is not a valid subscription can be set, found and
// deleted, and does no harm.
func TestInvalidSubjects(t *testing.T) {
	x, v := New[value](), &value{1}
	invalid := []string{"", ".", "a..b", "a..*", "*.", ".>", "a.>.b", ">.>", ">.*", "*..>"}
	for _, s := range invalid {
		x.Set(s, v)
	}
	m := NewMatcher(x, 16)
	for _, published := range []string{"a.b", "a", "a.x.b", "a.x", "x.x"} {
		if got := m.Match(nil, []byte(published)); len(got) != 0 {
			t.Errorf("%q matched %v", published, numbers(got))
		}
	}
	for _, s := range invalid {
		if x.Get(s) != v {
			t.Errorf("%q is not there", s)
		}
		x.Delete(s)
	}
	checkEmpty(t, x)
}

// TestCollisions gives a table items that all have the same hash, then such that
// differ only in bits that do not choose the page.
func TestCollisions(t *testing.T) {
	for name, hash := range map[string]func(i int) uint32{
		"equal":       func(int) uint32 { return 0xdeadbeef },
		"low bits":    func(i int) uint32 { return uint32(i % 16) },
		"half and up": func(i int) uint32 { return uint32(i%2) * uint32(i) << 12 },
	} {
		t.Run(name, func(t *testing.T) {
			const count = 2_000
			var tab table[struct{}, int]
			find := func(i int) *item[struct{}, int] { return tab.find(struct{}{}, hash(i), fmt.Sprint(i)) }
			for i := range count {
				it := newItem[struct{}, int](struct{}{}, hash(i), fmt.Sprint(i))
				it.value = i
				tab.add(it)
			}
			if places := len(tab.dir.Load().pages); places > 16 {
				t.Errorf("%d places for %d pages", places, tab.pages)
			}
			for i := range count {
				if it := find(i); it == nil || it.value != i {
					t.Fatalf("%d: %+v", i, it)
				}
			}
			if find(count) != nil {
				t.Error("found what was never added")
			}
			for i := range count {
				tab.remove(find(i))
				if find(i) != nil || i+1 < count && find(count-1) == nil {
					t.Fatalf("after removing %d: %v, and the last %v", i, find(i), find(count-1))
				}
			}
			if tab.dir.Load() != nil {
				t.Error("not empty")
			}
		})
	}
}

// TestOwners gives a table equal keys with equal hashes and different owners.
func TestOwners(t *testing.T) {
	var tab table[uint64, int]
	for owner := range uint64(5) {
		it := newItem[uint64, int](owner, 1, "key")
		it.value = int(owner)
		tab.add(it)
	}
	for owner := range uint64(5) {
		it := tab.find(owner, 1, "key")
		if it == nil || it.value != int(owner) {
			t.Fatalf("owner %d: %+v", owner, it)
		}
		tab.remove(it)
		if tab.find(owner, 1, "key") != nil {
			t.Fatalf("owner %d is still there", owner)
		}
	}
}

// TestAllWhileShrinking deletes most literals in the middle of a listing, so
// that pages merge with ones already visited. What stays is listed once.
func TestAllWhileShrinking(t *testing.T) {
	for range 20 { // each with another seed of hashes
		x := New[value]()
		all, seen := subjects(2_000, "all.%d"), map[string]int{}
		for i, s := range all {
			x.Set(s, &value{i})
		}
		visited := 0
		for s := range x.All {
			seen[s]++
			if visited++; visited == len(all)/2 {
				for _, s := range all[500:] {
					x.Delete(s)
				}
			}
		}
		for _, s := range all[:500] {
			if seen[s] != 1 {
				t.Fatalf("%q was listed %d times", s, seen[s])
			}
		}
	}
}

// Every change is counted, and a look-up is none.
func TestChangesAreCounted(t *testing.T) {
	x := New[value]()
	last := x.Changes()
	for _, change := range []func(){
		func() { x.Set("a.b", new(value)) }, func() { x.Set("a.b", new(value)) }, func() { x.Set("a.*", new(value)) },
		func() { x.Batch(func(w *Writer[value]) { w.Set("c", new(value)) }) },
		func() { x.Delete("a.b") }, func() { x.Delete("a.*") }, func() { x.Set("c", nil) },
	} {
		change()
		if x.Changes() == last {
			t.Error("a change was not counted")
		}
		last = x.Changes()
	}
	x.Get("c")
	NewMatcher(x, 4).Match(nil, []byte("c"))
	if x.Changes() != last {
		t.Error("a look-up was counted")
	}
}
