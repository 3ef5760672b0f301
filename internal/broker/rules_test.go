package broker

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/invariant"
)

// ruled starts a broker with a user free, who may do everything, and a user ruled; both have the password pw.
func ruled(t testing.TB, loops int, p config.Permissions) *rig {
	return guarded(t, loops, config.Authorization{Users: []config.User{
		{Name: "free", Password: "pw"}, {Name: "ruled", Password: "pw", Permissions: &p},
	}})
}

func (r *rig) free(at int) *client  { return r.on(at, "free", as("free", "pw")) }
func (r *rig) ruled(at int) *client { return r.on(at, "ruled", as("ruled", "pw")) }

func TestPublishRules(t *testing.T) {
	r := ruled(t, 1, config.Permissions{Publish: config.Subjects{Allow: []string{"foo.*", "all.>"}, Deny: []string{"foo.x", "all.*.secret"}}})
	c, all := r.ruled(0), r.free(0)
	all.send("SUB > 1", "PING")
	all.pong("subscribed")
	for subject, allowed := range map[string]bool{
		"foo.a": true, "foo.x": false, "foo": false, "foo.a.b": false, "all.a": true, "all.a.secret": false, "all.a.b.secret": true, "all": false, "foo.*": true,
	} {
		for range 3 { // looked up and remembered
			c.send(pub(subject, "x"), "PING")
			if !allowed {
				c.want(subject, fmt.Sprintf("-ERR 'Permissions Violation for Publish to %q'", subject))
			}
			c.pong(subject)
			if allowed {
				all.want(subject, fmt.Sprintf(`MSG %s 1  "" "x"`, subject))
			}
		}
	}
	all.barrier("nothing that was denied was delivered")
}

// A verbose client gets one answer: +OK, or what is wrong.
func TestVerboseClientsAndRules(t *testing.T) {
	r := ruled(t, 1, config.Permissions{Publish: config.Subjects{Deny: []string{"a"}}, Subscribe: config.Subjects{Deny: []string{"a"}}})
	c := r.raw("verbose")
	c.greeting()
	c.send(`CONNECT {"user":"ruled","pass":"pw"}`, pub("a", ""), "SUB a 1", "SUB a q 1", pub("b", ""), "SUB b 1")
	c.want("each operation has its answer", "+OK", `-ERR 'Permissions Violation for Publish to "a"'`, `-ERR 'Permissions Violation for Subscription to "a"'`,
		`-ERR 'Permissions Violation for Subscription to "a" using queue "q"'`, "+OK", "+OK")
}

// A pattern wider than a denial is allowed, and what is denied is left out, from every loop, inside of queue
// groups and outside, beside subscribers that have no rules (CVE-2022-29946, advisories 2026-17, 2026-18).
func TestDeniedMessagesAreLeftOut(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := ruled(t, loops, config.Permissions{Subscribe: config.Subjects{Deny: []string{"a.secret", "*.hidden", "a.q only"}}})
		for at := range loops {
			c := r.ruled(at)
			c.send("SUB a.* 1", "SUB > 2", "SUB a.* q 3", "SUB *.* only 4", "PING")
			c.pong("patterns wider than a denial are allowed")
			twin := r.ruled(at)
			twin.send("SUB a.* 1", "PING")
			twin.pong("subscribed as well")
			for from := range loops {
				p := r.free(from)
				p.send(pub("a.secret", "no"), pub("a.hidden", "no"), pub("b.hidden", "no"), pub("a.q", "yes"), "PING")
				p.pong("published")
				got := map[string]int{}
				eventually(t, "what is allowed arrives", func() bool {
					for _, f := range c.drain("no more") {
						got[f.subject+" "+f.sid]++
					}
					return len(got) >= 3
				})
				if want := (map[string]int{"a.q 1": 1, "a.q 2": 1, "a.q 3": 1}); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("from loop %d to %d: got %v, want %v", from, at, got, want)
				}
				twin.want("its own", `MSG a.q 1  "" "yes"`)
				twin.barrier("no more")
				p.conn.Close()
			}
			c.conn.Close()
			twin.conn.Close()
		}
		wantNothingHeld(t, r.Broker)
	})
}

// A queue message that a member must not get goes to one that may, wherever it lives; if there is none the
// request is answered 503.
func TestDeniedQueueMessagesGoToOthers(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := ruled(t, loops, config.Permissions{Subscribe: config.Subjects{Deny: []string{"job.secret"}}})
		asks := r.free(0)
		asks.send("SUB inbox 9", "PING")
		asks.pong("ready for answers")
		var denied []*client
		for i := range 3 * loops {
			c := r.ruled(i)
			c.send("SUB job.* q 1", "PING")
			c.pong("a member")
			denied = append(denied, c)
		}
		const many = 20
		for range many {
			asks.send(request("job.secret", "inbox", "x"))
			asks.want("no member may have it", "HMSG inbox 9 *")
		}
		may := r.free(loops - 1)
		may.send("SUB job.secret q 1", "PING")
		may.pong("a member that may")
		for range many {
			asks.send(request("job.secret", "inbox", "x"))
			may.want("it alone may have it", `MSG job.secret 1 inbox "" "x"`)
		}
		asks.barrier("no 503")
		for _, c := range denied {
			c.barrier("nothing that is denied")
		}
	})
}

// A request that several queue names must not have, each with members on every loop, is answered 503 as well, once.
func TestRequestsDeniedToSeveralQueues(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := ruled(t, loops, config.Permissions{Subscribe: config.Subjects{Deny: []string{"job.secret"}}})
		asks := r.free(0)
		asks.send("SUB inbox 9", "PING")
		asks.pong("ready for answers")
		for i := range loops {
			c := r.ruled(i)
			c.send("SUB job.* q 1", "SUB job.> r 2", "PING")
			c.pong("a member of both")
			for range 20 {
				asks.send(request("job.secret", "inbox", "x"))
				asks.want(fmt.Sprintf("no member on %d loops may have it", i+1), "HMSG inbox 9 *")
			}
		}
		asks.barrier("each was answered once")
		may := r.free(loops - 1)
		may.send("SUB job.secret r 1", "PING")
		may.pong("a member that may")
		for range 20 {
			asks.send(request("job.secret", "inbox", "x"))
			may.want("it alone may have it", `MSG job.secret 1 inbox "" "x"`)
		}
		asks.barrier("no 503")
		may.barrier("no more")
	})
}

// Somebody who listens to everything but what is denied does not keep requests from being answered 503,
// wherever it lives, and however many there are.
func TestRequestsToDeniedAuditors(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := ruled(t, loops, config.Permissions{Subscribe: config.Subjects{Deny: []string{"secret.>"}}})
		for at := range loops { // one more each time
			a := r.ruled(at)
			a.send("SUB > 1", "PING")
			a.pong("listens to everything")
			for from := range loops {
				asks := r.free(from)
				asks.send("SUB inbox 9", request("secret.x", "inbox", ""))
				asks.want(fmt.Sprintf("%d auditors are denied it, asked from loop %d", at+1, from), "HMSG inbox 9 *")
				asks.send(request("open.x", "inbox", ""), "PING")
				asks.pong("and this one they have")
				asks.barrier("so it is not answered")
				asks.conn.Close()
			}
			a.drain("messages")
		}
	})
}

// allow_responses: a reply subject may be published to after it was delivered, so often and so long.
func TestResponses(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := ruled(t, loops, config.Permissions{Responses: &config.Responses{Max: 2, Expires: time.Minute}})
		asks, serves := r.free(0), r.ruled(loops-1)
		asks.send("SUB inbox.* 1", "PING")
		asks.pong("ready for answers")
		refused := `-ERR 'Permissions Violation for Publish to "inbox.1"'`
		serves.send("SUB service 1", pub("inbox.1", "early"), "PING")
		serves.want("nobody has asked", refused, "PONG")
		asks.send(request("service", "inbox.1", "?"))
		serves.want("asked", `MSG service 1 inbox.1 "" "?"`)
		serves.send(pub("inbox.1", "1"), pub("inbox.2", "other"), pub("inbox.1", "2"), pub("inbox.1", "3"), "PING")
		serves.want("two answers and no more, and none to others", `-ERR 'Permissions Violation for Publish to "inbox.2"'`, refused, "PONG")
		asks.want("two answers", `MSG inbox.1 1  "" "1"`, `MSG inbox.1 1  "" "2"`)
		asks.barrier("and no more")
	})
}

// What is owed is forgotten in time, and is bounded.
func TestRepliesAreForgotten(t *testing.T) {
	subj := func(i int) []byte { return fmt.Appendf(nil, "inbox.%d", i) }
	d := replies{limits: auth.Responses{Max: 1, Expires: 100}}
	d.add(subj(1), 0)
	d.add(subj(2), 50)
	if !d.use(subj(1), 100) || d.use(subj(1), 100) || d.use(subj(2), 151) || len(d.bySubject) != 0 {
		t.Errorf("max 1 and expires 100 do not hold: %d left", len(d.bySubject))
	}
	for i := range 3 * repliesMax {
		d.add(subj(i), 200)
	}
	if len(d.bySubject) != repliesMax || d.use(subj(0), 200) || !d.use(subj(3*repliesMax-1), 200) {
		t.Errorf("%d replies are owed, or the oldest did not go first", len(d.bySubject))
	}
	d.add(subj(0), 301)
	if len(d.bySubject) != 1 || d.byAge.Oldest().Newer() != nil || d.byAge.Oldest().Of().subject != "inbox.0" {
		t.Errorf("%d are owed though all others are over", len(d.bySubject))
	}
	forever := replies{limits: auth.Responses{Max: -1, Expires: -1}}
	forever.add(subj(1), 0)
	for i := range 100 {
		if !forever.use(subj(1), int64(time.Hour)*int64(i)) {
			t.Fatal("unlimited replies end")
		}
	}
}

// Rules cost nothing that is not looked up already: publishers and subscribers with rules allocate nothing.
func TestRulesAllocateNothing(t *testing.T) {
	if raceEnabled || invariant.Enabled {
		t.Skip("the race detector allocates, and so do the invariants' checks")
	}
	for _, loops := range []int{1, 2} {
		r := ruled(t, loops, config.Permissions{Publish: config.Subjects{Allow: []string{"a.>"}, Deny: []string{"a.x"}}, Subscribe: config.Subjects{Deny: []string{"a.y", "a.z q"}}})
		word := strings.Repeat("w", 128)
		s := &course{from: r.ruled(0), out: []byte(strings.Repeat(pub("a.b", word)+"\r\n", 100)), deliveries: 300}
		for at, sub := range []string{"a.b ", "a.* ", "a.* q "} {
			c := r.ruled(at)
			c.send("SUB "+sub+"1", "PING")
			c.pong("subscribed")
			s.readers, s.in = append(s.readers, c), append(s.in, 100*len(msg("a.b", word)))
		}
		buf := make([]byte, 1<<20)
		rounds := func(n int) {
			for range n {
				if err := s.play(buf); err != nil {
					t.Fatal(err)
				}
			}
		}
		rounds(50)
		runtime.GC()
		before := objects()
		rounds(200)
		made, deliveries := objects()-before, 200*s.deliveries
		t.Logf("%d loops: %d objects in %d deliveries", loops, made, deliveries)
		if float64(made) > float64(deliveries)/1000+40 {
			t.Errorf("%d loops: %d objects in %d deliveries", loops, made, deliveries)
		}
	}
}
