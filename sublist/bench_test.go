package sublist

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
)

type value struct{ n int }

var sizes = [...]int{1_000, 100_000, 1_000_000}

var sink *value

// subjects returns count distinct subjects of about 20 bytes in random order,
// made in that order: a subject that is set has as a rule just been read.
func subjects(count int, format string) []string {
	made := make([]string, count)
	for i, n := range rand.New(rand.NewPCG(1, uint64(count))).Perm(count) {
		made[i] = fmt.Sprintf(format, n)
	}
	return made
}

func filled(all []string) *Index[value] {
	x, v := New[value](), new(value)
	x.Batch(func(w *Writer[value]) {
		for _, s := range all {
			w.Set(s, v)
		}
	})
	return x
}

func BenchmarkLiteral(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			all := subjects(size, "orders.eu.%d.created")
			x := filled(all)
			published := make([][]byte, min(size, 200_000))
			for i := range published {
				published[i] = []byte(all[len(all)-1-i])
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				sink = x.Literal(published[i%len(published)])
			}
		})
	}
}

// BenchmarkLiteralGoMap is the yardstick: a plain map, no writer allowed.
func BenchmarkLiteralGoMap(b *testing.B) {
	for _, size := range sizes {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			all, m := subjects(size, "orders.eu.%d.created"), map[string]*value{}
			for _, s := range all {
				m[s] = new(value)
			}
			published := make([][]byte, min(size, 200_000))
			for i := range published {
				published[i] = []byte(all[len(all)-1-i])
			}
			b.ResetTimer()
			for i := range b.N {
				sink = m[string(published[i%len(published)])]
			}
		})
	}
}

// BenchmarkMatchPattern matches subjects against patterns of which one matches,
// without and with a cache that holds the subjects in use.
func BenchmarkMatchPattern(b *testing.B) {
	for _, size := range sizes {
		all := subjects(size, "orders.%d.*")
		x := filled(all)
		for _, c := range []struct {
			name          string
			inUse, places int
		}{{"walk", min(size, 200_000), 0}, {"cached", 256, 1024}, {"thrashed", min(size, 200_000), 1024}} {
			b.Run(fmt.Sprint(size, "/", c.name), func(b *testing.B) {
				m := NewMatcher(x, c.places)
				published := make([][]byte, c.inUse)
				for i := range published {
					published[i] = fmt.Appendf(nil, "%s.created", all[i][:len(all[i])-2])
				}
				var dst []*value
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					dst = m.Match(dst[:0], published[i%len(published)])
				}
				if len(dst) != 1 {
					b.Fatal(len(dst))
				}
			})
		}
	}
}

func BenchmarkMatch2000Tokens(b *testing.B) {
	subject := []byte("a")
	for range 1999 {
		subject = append(subject, ".a"...)
	}
	stars := "*"
	for range 1999 {
		stars += ".*"
	}
	x := filled([]string{stars, string(subject) + ".>", ">", "a.>", "*.a.>", "a.*.a.>"})
	m := NewMatcher(x, 1024)
	var dst []*value
	for b.Loop() {
		dst = m.Match(dst[:0], subject)
	}
}

// BenchmarkInsert reports what one more Set costs at each size, the values and
// strings being there already, and how many bytes an entry takes.
func BenchmarkInsert(b *testing.B) {
	for _, kind := range []struct{ name, format string }{
		{"literal", "orders.eu.%d.created"}, {"underOneParent", "orders.%d.*"}, {"prefix", "orders%d.*"},
	} {
		for _, size := range sizes {
			b.Run(kind.name+"/"+fmt.Sprint(size), func(b *testing.B) {
				all, v := subjects(size+size/10, kind.format), new(value)
				before := heap()
				x := filled(all[:size])
				perEntry := float64(heap()-before) / float64(size)
				more := all[size:]
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					if i > 0 && i%len(more) == 0 {
						b.StopTimer()
						for _, s := range more {
							x.Delete(s)
						}
						b.StartTimer()
					}
					x.Set(more[i%len(more)], v)
				}
				b.ReportMetric(perEntry, "B/entry")
			})
		}
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkChurn sets and deletes one subject among many: two changes an op.
func BenchmarkChurn(b *testing.B) {
	for _, kind := range []struct{ name, format, own string }{
		{"literal", "orders.eu.%d.created", "_INBOX.abc.1"},
		{"pattern", "orders.%d.*", "_INBOX.abc.*"},
	} {
		for _, size := range sizes {
			b.Run(kind.name+"/"+fmt.Sprint(size), func(b *testing.B) {
				x, v := filled(subjects(size, kind.format)), new(value)
				runtime.GC()
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					x.Set(kind.own, v)
					x.Delete(kind.own)
				}
			})
		}
	}
}
