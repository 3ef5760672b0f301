package sublist

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// fresh reports whether the next Match of a subject will be answered from the
// cache.
func fresh(m *Matcher[value], published string) bool {
	e := m.cache.find(m.x.id, hashOf(m.x.seed, published), published)
	return e != nil && e.stamp == m.x.patterns.Load().gens.stamp(e.slot)
}

// other returns a first token whose generation is not that of `orders`.
func other(x *Index[value]) string {
	for i := 0; ; i++ {
		if token := fmt.Sprint("other", i); generationSlot(x.seed, token) != generationSlot(x.seed, "orders") {
			return token
		}
	}
}

func TestCacheOutlivesChurnElsewhere(t *testing.T) {
	x := New[value]()
	x.Set("orders.*", &value{1})
	m, elsewhere := NewMatcher(x, 16), other(x)
	for _, change := range []struct {
		subject string
		keeps   bool
	}{
		{elsewhere + ".x.*", true}, {elsewhere + ".>", true}, {"orders.new", true}, {"literal", true},
		{"orders.*.x", false}, {"orders.>", false}, {"*", false}, {">", false}, {"*.x.y", false},
	} {
		for name, apply := range []func(){
			func() { x.Set(change.subject, &value{2}) },
			func() { x.Set(change.subject, &value{3}) },
			func() { x.Delete(change.subject) },
		} {
			if m.Match(nil, []byte("orders.eu")); !fresh(m, "orders.eu") {
				t.Fatal("not cached")
			}
			apply()
			if got := fresh(m, "orders.eu"); got != change.keeps {
				t.Errorf("change %d of %q: cached result kept is %v, want %v", name, change.subject, got, change.keeps)
			}
		}
	}
	m.Match(nil, []byte("orders.eu"))
	x.Delete("absent.*")
	x.Delete("*.absent")
	if !fresh(m, "orders.eu") {
		t.Error("deleting what is not there ends cached results")
	}
}

func TestCacheIsBounded(t *testing.T) {
	x := New[value]()
	x.Set(">", &value{1})
	m := NewMatcher(x, 64)
	for i := range 10_000 {
		m.Match(nil, fmt.Appendf(nil, "flood.%d", i))
	}
	held := 0
	for set := range m.cache.entries {
		held += len(m.cache.entries[set])
	}
	if held != 64 {
		t.Errorf("%d places, want 64", held)
	}
	long := strings.Repeat("x", cacheSubjectMax+1)
	if m.Match(nil, []byte(long)); fresh(m, long) {
		t.Error("a subject over the bound was cached")
	}
	if m.Match(nil, []byte(long[1:])); !fresh(m, long[1:]) {
		t.Error("a subject at the bound was not cached")
	}
	for i := range cacheValuesMax {
		x.Set("many."+strings.Repeat("*.", i)+">", &value{i})
	}
	many := "many" + strings.Repeat(".x", cacheValuesMax+1)
	if got := m.Match(nil, []byte(many)); len(got) != cacheValuesMax+1 || fresh(m, many) {
		t.Errorf("%d values, cached %v", len(got), fresh(m, many))
	}
}

func TestCacheComparesSubjects(t *testing.T) {
	c := cache[value]{size: 8}
	c.put(1, 5, "a", 1, 1, []*value{{1}})
	c.put(1, 5, "b", 2, 2, []*value{{2}})
	for _, s := range []string{"a", "b"} {
		if e := c.find(1, 5, s); e == nil || string(e.subject) != s {
			t.Errorf("%q is found as %+v", s, e)
		}
	}
	if e := c.find(1, 5, "c"); e != nil {
		t.Errorf("found what was never stored: %+v", e)
	}
	if e := c.find(2, 5, "a"); e != nil {
		t.Errorf("found what was stored for another index: %+v", e)
	}
}

// Matchers that share a cache answer for their own index alone, whatever the others have remembered of the same
// subjects, and all of them together remember no more than the cache holds.
func TestMatchersBesideEachOther(t *testing.T) {
	const many = 50
	first := NewMatcher(New[value](), 64)
	matchers, indexes := make([]*Matcher[value], many), make([]*Index[value], many)
	for i := range matchers {
		indexes[i] = New[value]()
		indexes[i].seed = first.x.seed // so that the hashes are the same as well
		matchers[i] = first.Beside(indexes[i])
		if i%2 == 0 {
			indexes[i].Set("a.*", &value{i})
		} else {
			indexes[i].Set("b.*", &value{i})
		}
	}
	for range 3 {
		for i, m := range matchers {
			for range 2 {
				if got := numbers(m.Match(nil, []byte("a.x"))); i%2 == 0 && (len(got) != 1 || got[0] != i) || i%2 == 1 && len(got) != 0 {
					t.Fatalf("index %d answers %v", i, got)
				}
			}
		}
	}
	held := 0
	for set := range first.cache.entries {
		held += len(first.cache.entries[set])
	}
	if held != 64 {
		t.Errorf("%d places, want 64", held)
	}
}

func TestCacheKeepsWhatIsInUse(t *testing.T) {
	x := New[value]()
	x.Set(">", &value{1})
	m := NewMatcher(x, 256)
	kept := 0
	m.Match(nil, []byte("hot"))
	for i := range 10_000 {
		m.Match(nil, fmt.Appendf(nil, "flood.%d", i))
		if i%20 == 0 {
			if fresh(m, "hot") {
				kept++
			}
			m.Match(nil, []byte("hot"))
		}
	}
	if kept < 495 {
		t.Errorf("the subject in use was cached %d times of 500", kept)
	}
}

func TestNoAllocation(t *testing.T) {
	x := New[value]()
	for i := range 2_000 {
		x.Set(fmt.Sprint("orders.", i), &value{i})
	}
	cached, walking := NewMatcher(x, 64), NewMatcher(x, 0)
	dst := make([]*value, 0, 16)
	published, long := []byte("orders.17"), []byte("orders"+strings.Repeat(".x", 500))
	check := func(what string) {
		if n := testing.AllocsPerRun(100, func() {
			if x.Literal(published) == nil {
				t.Fail()
			}
			dst = cached.Match(dst[:0], published)
			dst = walking.Match(dst[:0], published)
			dst = cached.Match(dst[:0], long)
		}); n != 0 {
			t.Errorf("%s: %v allocations, want none", what, n)
		}
	}
	check("literals")
	for _, s := range []string{"orders.*", ">", "*.17", "orders.>", "*.*"} {
		x.Set(s, &value{1})
	}
	check("patterns")
}

// TestReadersSeeFinishedWrites: a match that begins after Set returned answers
// with that Set or a later one, cached or not, while pages split and merge and
// generations move.
func TestReadersSeeFinishedWrites(t *testing.T) {
	x := New[value]()
	const rounds = 3_000
	var finished atomic.Int64
	stable := []string{"s", "s.a.b", "s.*.b", "s.>", "*.a.b"}
	for i, s := range stable {
		x.Set(s, &value{-1 - i})
	}
	x.Set("moving.a", &value{0})
	x.Set("moving.*", &value{0})
	var done atomic.Bool
	var readers sync.WaitGroup
	for reader := range 3 {
		readers.Go(func() {
			m := NewMatcher(x, 64*(reader%2))
			var dst []*value
			for !done.Load() {
				from := int(finished.Load())
				dst = m.Match(dst[:0], []byte("moving.a"))
				if len(dst) != 2 || dst[0].n < from || dst[1].n < from {
					t.Errorf("after write %d matched %v", from, numbers(dst))
					return
				}
				dst = m.Match(dst[:0], []byte("s.a.b"))
				if got := numbers(dst); len(got) < 4 || len(got) > 5 || got[3] >= 0 {
					t.Errorf("stable entries matched %v", got)
					return
				}
				if v := x.Literal([]byte("s")); v == nil || x.Get("s.*.b") == nil {
					t.Errorf("stable entries: %v, %v", v, x.Get("s.*.b"))
					return
				}
				found := 0
				for _, v := range x.All {
					if v.n < 0 {
						found++
					}
				}
				if found != len(stable) {
					t.Errorf("All found %d stable entries of %d", found, len(stable))
					return
				}
			}
		})
	}
	churn := subjects(rounds, "churn.%d")
	for round := range 2 * rounds {
		v := &value{round}
		x.Batch(func(w *Writer[value]) {
			w.Set("moving.a", v)
			w.Set("moving.*", v)
			at := round % rounds
			if round < rounds {
				w.Set(churn[at], v)
				w.Set("s."+churn[at]+".*", v)
			} else {
				w.Delete(churn[at])
				w.Delete("s." + churn[at] + ".*")
			}
		})
		finished.Store(int64(round))
		if round%16 == 0 { // a pattern below and beside the stable ones comes and goes
			x.Set("s.a.*.c", v)
			x.Set("s.a.*", v)
			x.Delete("s.a.*.c")
			x.Delete("s.a.*")
			x.Set("*.a.>", nil)
		}
	}
	done.Store(true)
	readers.Wait()
}

// TestNoStaleResultIsKept changes a pattern twice: the second time while the
// reader, sent off by the first, is as a rule in the middle of a long walk. What
// the reader then stores must not outlive the change.
func TestNoStaleResultIsKept(t *testing.T) {
	x := New[value]()
	x.Set("moving"+strings.Repeat(".*", 50), &value{-1}) // makes the walk long
	x.Set("moving.>", &value{0})
	published := []byte("moving" + strings.Repeat(".a", 50))
	var finished, matched atomic.Int64
	var done atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		m := NewMatcher(x, 64)
		var dst []*value
		for !done.Load() {
			from := int(finished.Load())
			dst = m.Match(dst[:0], published)
			if got := numbers(dst); len(got) != 2 || got[1] < from {
				t.Errorf("after write %d matched %v", from, got)
				done.Store(true)
			}
			matched.Add(1)
		}
	})
	for n := 1; n < 2_000 && !done.Load(); n += 2 {
		x.Set("moving.>", &value{n})
		for range n / 2 % 200 { // the second change comes later and later
			finished.Load()
		}
		x.Set("moving.>", &value{n + 1})
		finished.Store(int64(n + 1))
		for before := matched.Load(); matched.Load() < before+2 && !done.Load(); {
			runtime.Gosched()
		}
	}
	done.Store(true)
	reader.Wait()
}
