package sublist

import (
	"strings"
	"testing"

	"gnatsd-ev/internal/subject"
)

// FuzzIndex runs a string of operations, separated by semicolons, on an index
// and on the naive model: `+subject` sets, `-subject` deletes, `?subject`
// publishes, `!` deletes everything.
func FuzzIndex(f *testing.F) {
	f.Add("+a;+a.*;+>;?a;?a.b;-a.*;?a.b;!")
	f.Add("+a.*.c;+a.b.*;+*.b.c;?a.b.c;-a.b.*;?a.b.c;+a.b.*;?a.b.c")
	f.Add("+foo.*;+foo.>;?foo.*;?foo.>;?foo..bar;?foo.;?.foo;?")
	f.Fuzz(func(t *testing.T, operations string) {
		x, m := New[value](), model{}
		cached, walking := NewMatcher(x, 8), NewMatcher(x, 0)
		for n, operation := range strings.Split(operations, ";") {
			if n > 200 || operation == "" {
				continue
			}
			s := operation[1:]
			switch operation[0] {
			case '+':
				if !subject.ValidSubscription(s) {
					continue
				}
				m[s] = &value{n}
				x.Set(s, m[s])
			case '-':
				delete(m, s)
				x.Delete(s)
			case '!':
				for s := range m {
					x.Delete(s)
				}
				m = model{}
				checkEmpty(t, x)
			}
			m.check(t, s, cached, walking)
		}
		m.checkAll(t, x)
		for s := range m {
			x.Delete(s)
		}
		checkEmpty(t, x)
	})
}
