package conformance

// nats.go against every broker: many subjects, many connections, much at once.

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
)

func TestQueueGroup(t *testing.T) {
	const members, total = 3, 3000
	onEach(t, nil, func(t *testing.T, s server) {
		from := connect(t, s)
		plain := subscribe(t, connect(t, s), "work", "")
		var group []*nats.Subscription
		for range members {
			group = append(group, subscribe(t, connect(t, s), "work", "workers"))
		}
		for i := range total {
			publish(t, from, "work", []byte(strconv.Itoa(i)))
		}
		flush(t, from)
		for i := range total {
			if m := next(t, plain); string(m.Data) != strconv.Itoa(i) {
				t.Fatalf("beside the group message %d is %q", i, m.Data)
			}
		}
		seen := make(map[string]int)
		for n, sub := range group {
			last, count := -1, 0
			for {
				m, err := sub.NextMsg(quiet)
				if err != nil {
					break
				}
				i, err := strconv.Atoi(string(m.Data))
				if err != nil || i <= last {
					t.Fatalf("member %d got %q after %d", n, m.Data, last)
				}
				last = i
				seen[string(m.Data)]++
				count++
			}
			// A fair choice leaves less to a member once in 10^80 runs.
			if count < total/members/2 {
				t.Errorf("member %d got %d of %d", n, count, total)
			}
		}
		for i := range total {
			if n := seen[strconv.Itoa(i)]; n != 1 {
				t.Fatalf("message %d went to %d members", i, n)
			}
		}
	})
}

func TestManySubjects(t *testing.T) {
	const subjects = 10000
	onEach(t, nil, func(t *testing.T, s server) {
		from, to := connect(t, s), connect(t, s)
		var mu sync.Mutex // guards got
		got := make(map[string]int)
		done := make(chan struct{})
		count := func(m *nats.Msg) {
			mu.Lock()
			defer mu.Unlock()
			got[m.Subject]++
			if len(got) == subjects {
				close(done)
			}
		}
		for i := range subjects {
			if _, err := to.Subscribe(manySubject(i), count); err != nil {
				t.Fatal(err)
			}
		}
		wild := subscribe(t, connect(t, s), "many.*.7.>", "")
		flush(t, to)
		for _, i := range rand.Perm(subjects) {
			publish(t, from, manySubject(i), nil)
		}
		flush(t, from)
		await(t, done, "all subjects")
		flush(t, to)
		mu.Lock()
		defer mu.Unlock()
		for subject, n := range got {
			if n != 1 {
				t.Errorf("%s was delivered %d times", subject, n)
			}
		}
		for range subjects / 10 {
			next(t, wild)
		}
		nothing(t, wild)
	})
}

func manySubject(i int) string { return fmt.Sprintf("many.%d.%d.end", i/10, i%10) }

// Each of 50 connections publishes to all and hears all, while it also asks
// and answers: nothing is lost, doubled or out of order.
func TestFiftyConnections(t *testing.T) {
	const conns, each = 50, 40
	onEach(t, nil, func(t *testing.T, s server) {
		var clients []*nats.Conn
		var subs []*nats.Subscription
		for i := range conns {
			nc := connect(t, s)
			clients = append(clients, nc)
			subs = append(subs, subscribe(t, nc, "all.*", ""))
			if _, err := nc.Subscribe("ask."+strconv.Itoa(i), func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
				t.Fatal(err)
			}
			flush(t, nc)
		}
		var group sync.WaitGroup
		for i, nc := range clients {
			group.Go(func() {
				pad := bytes.Repeat([]byte("."), i*97)
				for n := range each {
					if err := nc.Publish("all."+strconv.Itoa(i), append([]byte(strconv.Itoa(n)), pad...)); err != nil {
						t.Error(err)
					}
					whom := (i + n + 1) % conns
					m, err := nc.Request("ask."+strconv.Itoa(whom), []byte("hello"), wait)
					if err != nil || string(m.Data) != "hello" {
						t.Errorf("%d asked %d: %v (%v)", i, whom, m, err)
						return
					}
				}
			})
		}
		group.Wait()
		for i, sub := range subs {
			inOrder(t, i, sub, conns, each)
			nothing(t, sub)
		}
	})
}

// inOrder takes each messages of conns publishers from sub and checks the
// order per publisher.
func inOrder(t *testing.T, who int, sub *nats.Subscription, conns, each int) {
	t.Helper()
	heard := make(map[string]int)
	for range conns * each {
		m := next(t, sub)
		number, _, _ := bytes.Cut(m.Data, []byte("."))
		if want := strconv.Itoa(heard[m.Subject]); string(number) != want {
			t.Fatalf("%d got %s of %s, want %s", who, number, m.Subject, want)
		}
		heard[m.Subject]++
	}
}

// A SUB that was confirmed misses nothing that is published after, from
// wherever; an UNSUB that was confirmed gets nothing.
func TestBarriers(t *testing.T) {
	const rounds = 300
	onEach(t, nil, func(t *testing.T, s server) {
		var clients []*nats.Conn
		for range 8 {
			clients = append(clients, connect(t, s))
		}
		for round := range rounds {
			a, b := clients[round%8], clients[(round*3+1)%8]
			sub := subscribe(t, a, "barrier", "")
			publish(t, b, "barrier", []byte(strconv.Itoa(round)))
			if m := next(t, sub); string(m.Data) != strconv.Itoa(round) {
				t.Fatalf("round %d got %q", round, m.Data)
			}
			if err := sub.Unsubscribe(); err != nil {
				t.Fatal(err)
			}
			flush(t, a)
			reply := "barrier.reply"
			answer := subscribe(t, b, reply, "")
			if err := b.PublishRequest("barrier", reply, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := answer.NextMsg(wait); !errors.Is(err, nats.ErrNoResponders) {
				t.Fatalf("round %d: after the UNSUB somebody was still there: %v", round, err)
			}
			if err := answer.Unsubscribe(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
