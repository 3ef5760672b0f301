package broker

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/loop"
)

// One client's many queue names on one subject cost the others nothing that grows
// with their square: neither when they come, nor for a message, nor when they go.
func TestManyQueueNamesOnOneSubject(t *testing.T) {
	names := scale(30_000, 30_000, 100_000)
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		c := r.on(0, "member of many groups")
		from := time.Now()
		step := func(what string, bound time.Duration) {
			t.Helper()
			took := time.Since(from)
			t.Logf("%s: %v", what, took)
			if took > bound {
				t.Errorf("%s took %v, which grows with the square of %d", what, took, names)
			}
			from = time.Now()
		}
		var b strings.Builder
		for i := range names {
			fmt.Fprintf(&b, "SUB many workers-%06d %d\r\n", i, i)
		}
		c.write([]byte(b.String()))
		c.barrier("subscribed")
		step("subscribing", 5*time.Second)

		for at := range loops {
			p := r.on(at, "publisher")
			from = time.Now()
			p.send(pub("many", "x"), "PING")
			p.pong("routed")
			for range names {
				if f := c.next("each name has a member"); f.verb != "MSG" {
					t.Fatalf("got %s", f)
				}
			}
			step(fmt.Sprintf("a message from loop %d", at), 2*time.Second)
		}

		b.Reset()
		for i := range names {
			fmt.Fprintf(&b, "UNSUB %d\r\n", i)
		}
		c.write([]byte(b.String()))
		c.barrier("unsubscribed")
		step("unsubscribing", 5*time.Second)
		r.vacate()
	})
}

// Members of many names come and go on all loops, several times a turn: whenever
// all is quiet the index counts exactly those there are.
func TestIndexCountsMembersThatComeAndGo(t *testing.T) {
	const loops, names, sids = 3, 3 * setsScanned, 40
	r := start(t, loops)
	var clients []*client
	for i := range 2 * loops {
		clients = append(clients, r.on(i, fmt.Sprintf("member %d", i)))
	}
	rng := rand.New(rand.NewPCG(3, 3))
	for round := range scale(100, 400, 5000) {
		few := 1 + rng.IntN(names) // sometimes all members are of a few names
		for _, c := range clients {
			var b strings.Builder
			for range rng.IntN(60) {
				sid := rng.IntN(sids)
				if rng.IntN(2) == 0 {
					fmt.Fprintf(&b, "SUB a.%c q%d %d\r\n", "bc*"[rng.IntN(3)], rng.IntN(few), sid)
				} else {
					fmt.Fprintf(&b, "UNSUB %d\r\n", sid)
				}
			}
			c.write([]byte(b.String() + "PING\r\n"))
		}
		for _, c := range clients {
			c.pong("all is applied")
		}
		if round%8 == 0 {
			for sid := range sids { // and sometimes all leave one after the other
				clients[0].send(fmt.Sprintf("UNSUB %d", sid))
			}
			clients[0].barrier("one has left")
		}
		wantMembersCounted(t, r)
		if t.Failed() {
			t.Fatalf("in round %d", round)
		}
	}
	r.vacate()
}

// wantMembersCounted compares what the index says of each queue group with the members
// in the tables. Nobody may change anything meanwhile.
func wantMembersCounted(t *testing.T, r *rig) {
	t.Helper()
	type member struct {
		subject, name string
		loop          int
	}
	counted, there := map[member]int{}, map[member]int{}
	for subj, in := range r.global.index.All {
		for _, g := range in.groups {
			if g.empty() {
				t.Errorf("the index lists %s of %s, which has no members", g.name, subj)
			}
			for id := range g.clients {
				if n := int(g.clients[id].Load()); n != 0 {
					counted[member{subj, g.name, id}] += n
				}
			}
		}
	}
	onLoops(r.Broker, func(l *loop.Loop) {
		tb := r.global.tables[l.ID()]
		count := func(_ string, tp *topic) bool {
			if tp.crowd == nil {
				return true
			}
			for _, g := range tp.crowd.groups {
				there[member{tp.subject, g.name, l.ID()}] += len(g.members.subs)
				if tp.crowd.group(g.name) != g || tb.groups[g.shared] != g {
					t.Errorf("%s of %s is not found by its name or by what the index calls it", g.name, tp.subject)
				}
			}
			return true
		}
		tb.topics.All(count)
	})
	if !maps.Equal(counted, there) {
		t.Errorf("the index counts %v, there are %v", counted, there)
	}
}
