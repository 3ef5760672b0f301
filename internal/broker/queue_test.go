package broker

import (
	"fmt"
	"math"
	"testing"
)

// Queue groups with members on all loops: each member equally likely wherever it
// lives, and one delivery a group and message, whatever matched it.

// A member is one subscription of a group, and what it got.
type member struct {
	*client
	group string
	got   map[int]int // messages by the loop of their publisher
}

// join subscribes a new connection on a loop.
func (r *rig) join(at int, pattern, group string) *member {
	r.t.Helper()
	m := &member{client: r.on(at, fmt.Sprintf("%s of %s on loop %d", pattern, group, at%r.loops)), group: group, got: map[int]int{}}
	m.send("SUB "+pattern+" "+group+" 1", "PING")
	m.pong("a member")
	return m
}

// messagesCounted is how many messages counts are taken over.
const messagesCounted = 20_000

// publishAndCount publishes from a connection on each loop and lets members read
// every batch. It fails if a group gets a message twice or not at all.
func (r *rig) publishAndCount(subject string, members []*member) {
	r.t.Helper()
	const each = 250
	var publishers []*client
	for at := range r.loops {
		publishers = append(publishers, r.on(at, "publisher"))
	}
	for first := 0; first < messagesCounted; first += each * r.loops {
		for at, p := range publishers {
			var b []byte
			for i := range each {
				payload := fmt.Sprintf("%d.%d", at, first+i)
				b = append(b, pub(subject, payload)+"\r\n"...)
			}
			if err := p.exchange(b); err != nil {
				r.t.Fatalf("publisher on loop %d: %v", at, err)
			}
		}
		seen := map[string]int{}
		groups := map[string]int{}
		for _, m := range members {
			groups[m.group]++
			for _, f := range m.drain("what was published is routed") {
				var at, n int
				if _, err := fmt.Sscanf(string(f.payload), "%d.%d", &at, &n); err != nil {
					r.t.Fatalf("%s got %s: %v", m.name, f, err)
				}
				m.got[at]++
				seen[m.group+" "+string(f.payload)]++
			}
		}
		for what, n := range seen {
			if n != 1 {
				r.t.Fatalf("group and message %s: %d deliveries", what, n)
			}
		}
		if want := each * r.loops * len(groups); len(seen) != want {
			r.t.Fatalf("%d messages reached a group, want %d", len(seen), want)
		}
	}
}

// wantEven fails if a member got more or less than its equal share by five
// standard deviations, of all messages or of those from one loop.
func (r *rig) wantEven(members []*member) {
	r.t.Helper()
	sizes := map[string]int{}
	for _, m := range members {
		sizes[m.group]++
	}
	even := func(m *member, of string, n, total int) {
		p := 1 / float64(sizes[m.group])
		mean, sigma := float64(total)*p, math.Sqrt(float64(total)*p*(1-p))
		if d := math.Abs(float64(n) - mean); d > 5*sigma {
			r.t.Errorf("%s got %d of %d messages %s, %.1f sigma from its share of %.0f", m.name, n, total, of, d/sigma, mean)
		}
	}
	for _, m := range members {
		all := 0
		for at := range r.loops {
			even(m, fmt.Sprintf("from loop %d", at), m.got[at], messagesCounted/r.loops)
			all += m.got[at]
		}
		even(m, "in all", all, messagesCounted)
	}
}

// Two members on one loop and one on each other: a loop is no unit of fairness.
func TestMembersAreEquallyLikely(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		var members []*member
		for _, at := range []int{0, 0, 1, 2, 3} {
			members = append(members, r.join(at, "even", "workers"))
		}
		r.publishAndCount("even", members)
		r.wantEven(members)
		r.vacate()
	})
}

// A name is one group across the patterns its members chose, even where a loop
// has members of several of them.
func TestMembersAreEquallyLikelyAcrossPatterns(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		members := []*member{
			r.join(0, "even.a", "workers"), r.join(0, "even.*", "workers"), r.join(1, "even.>", "workers"),
			r.join(2, "even.a", "workers"), r.join(2, "even.a", "workers"), r.join(3, "*.a", "workers"),
		}
		r.join(1, "even.b", "workers") // of the same name, and no member for this subject
		r.publishAndCount("even.a", members)
		r.wantEven(members)
		r.vacate()
	})
}

// Groups of one subject choose independently, each message goes once to each of
// them, and to all who are in none.
func TestGroupsOfOneSubjectAreIndependent(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		members := []*member{
			r.join(0, "even.a", "x"), r.join(1, "even.*", "x"), r.join(1, "even.a", "x"),
			r.join(2, "even.a", "y"), r.join(3, "even.a", "y"),
			r.join(3, "even.>", "z"),
		}
		for at := range loops {
			plain := &member{client: r.on(at, "plain subscriber"), group: fmt.Sprintf("none, loop %d", at), got: map[int]int{}}
			plain.send("SUB even.a 1", "PING")
			plain.pong("subscribed")
			members = append(members, plain)
		}
		r.publishAndCount("even.a", members)
		r.wantEven(members)
		r.vacate()
	})
}
