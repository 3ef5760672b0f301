package age

import (
	"math/rand/v2"
	"slices"
	"testing"
)

type thing struct {
	n   int
	age Entry[thing]
}

// Beside a plain list of the same, whatever comes and goes.
func TestListIsInOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var l List[thing]
	var want []*thing
	for n := range 10_000 {
		if len(want) == 0 || r.IntN(len(want)+8) < 8 {
			x := &thing{n: n}
			l.Add(&x.age, x)
			want = append(want, x)
		} else {
			at := r.IntN(len(want))
			l.Remove(&want[at].age)
			if want[at].age != (Entry[thing]{}) {
				t.Fatal("who is on no list still refers to others")
			}
			want = slices.Delete(want, at, at+1)
		}
		var got []*thing
		for e := l.Oldest(); e != nil; e = e.Newer() {
			got = append(got, e.Of())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("after %d changes %d things are not in order", n, len(want))
		}
	}
	if (*Entry[thing])(nil).Of() != nil {
		t.Error("no entry is of something")
	}
}
