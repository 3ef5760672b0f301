package broker

import (
	"testing"

	"gnatsd-ev/loop"
)

// Headers count as sent even to who takes none, as with nats-server.
func TestWhatIsShownIsWhatHappened(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		s := r.on(0, "subscribers", `CONNECT {"verbose":false}`)
		s.send("SUB a.* 1", "SUB a.b q 2", "SUB z 3", "SUB z 3", "UNSUB 3", "PING")
		s.pong("subscribed")
		p := r.on(loops-1, "publisher")
		p.send("PUB a.b 5", "hello", "HPUB a.c 12 14", "NATS/1.0\r\n\r\nhi", "PUB nobody 1", "x", "PING")
		p.pong("published")
		eventually(t, "all loops have shown it", func() bool { return r.count(countOutMsgs) == 3 }, func() any { return r.Stats() })
		for what, c := range map[string]struct {
			counter counter
			want    int64
		}{
			"messages in": {countInMsgs, 3}, "bytes in": {countInBytes, 5 + 14 + 1},
			"messages out": {countOutMsgs, 3}, "bytes out": {countOutBytes, 5 + 5 + 14},
			"subscriptions": {countSubscriptions, 2},
		} {
			if got := r.count(c.counter); got != c.want {
				t.Errorf("%d %s, want %d", got, what, c.want)
			}
		}
		stats := r.Stats()
		if loops > 1 && (stats.Loops[0].Parcels == 0 || stats.Loops[0].ParcelMsgs != 2) {
			t.Errorf("%d parcels with %d messages came to the subscribers' loop, want 2 messages", stats.Loops[0].Parcels, stats.Loops[0].ParcelMsgs)
		}
		if stats.Sessions != r.sessions.Load() || stats.Opened < uint64(stats.Sessions) || len(stats.Loops) != loops {
			t.Errorf("%+v", stats)
		}
		s.conn.Close()
		p.conn.Close()
		eventually(t, "nothing is subscribed", func() bool {
			open := int64(0)
			for _, l := range r.Stats().Loops {
				open += l.Connections
			}
			return r.count(countSubscriptions) == 0 && open == 0
		}, func() any { return r.Stats() })
	})
}

// Subscriptions end in several ways; each is counted once.
func TestSubscriptionsAreCountedToTheLast(t *testing.T) {
	r := start(t, 1)
	c := r.on(0, "client")
	for _, step := range []struct {
		what  string
		lines []string
		want  int64
	}{
		{"one SUB each", []string{"SUB a 1", "SUB a q 2", "SUB b 2"}, 2},
		{"a bad one is none", []string{"SUB a..b 3"}, 2},
		{"a maximum that is reached ends it", []string{"UNSUB 1 1", "PUB a 0", ""}, 1},
		{"a maximum in a group does", []string{"UNSUB 2 2", "PUB a 0", ""}, 0},
		{"another CONNECT drops them", []string{"SUB x 7", "SUB y 8", `CONNECT {"verbose":false}`}, 0},
	} {
		c.send(step.lines...)
		c.drain(step.what)
		onLoops(r.Broker, func(*loop.Loop) {})
		if n := r.count(countSubscriptions); n != step.want {
			t.Errorf("%s: %d subscriptions, want %d", step.what, n, step.want)
		}
	}
}
