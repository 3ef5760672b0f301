package broker

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/loop"
)

// reload has other options in force.
func (r *rig) reload(adjust func(*config.Options)) {
	r.t.Helper()
	o := *r.Facts().Options
	adjust(&o)
	c, err := r.Prepare(&o)
	if err != nil {
		r.t.Fatal(err)
	}
	if !r.Apply(c, nil) {
		r.t.Fatal("the reload did not come to its end")
	}
}

// allow has these users come in.
func (r *rig) allow(users ...config.User) {
	r.t.Helper()
	r.reload(func(o *config.Options) {
		o.Authorization.Users, o.Authorization.Required = users, len(users) > 0
	})
}

func named(name, password string) config.User { return config.User{Name: name, Password: password} }

// may is a user with rules.
func may(name string, p config.Permissions) config.User {
	return config.User{Name: name, Password: "pw", Permissions: &p}
}

// Who is not valid any more is told and closed when the reload has come to its end, and nobody else notices.
func TestAReloadEndsWhoMayNotStay(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := guarded(t, loops, config.Authorization{Users: []config.User{named("stays", "a"), named("changed", "b"), named("removed", "c")}})
		var stay, go_ []*client
		for at := range loops {
			c := r.on(at, "stays", as("stays", "a"))
			c.send("SUB news 1", "PING")
			c.pong("subscribed")
			stay = append(stay, c)
			go_ = append(go_, r.on(at, "changed", as("changed", "b")), r.on(at, "removed", as("removed", "c")))
		}
		p := r.dial("publisher", as("stays", "a"))
		p.send(pub("news", "before"))
		r.allow(named("stays", "a"), named("changed", "B"), named("new", "d"))
		for _, c := range go_ {
			c.want("it may not stay", violation)
			c.closed("it may not stay")
		}
		p.send(pub("news", "behind"))
		for _, c := range stay {
			c.want("it has lost nothing", `MSG news 1  "" "before"`, `MSG news 1  "" "behind"`)
			c.barrier("and stays")
		}
		r.dial("new", as("new", "d"))
		r.dial("changed", as("changed", "B"))
		for _, gone := range []string{as("changed", "b"), as("removed", "c")} {
			c := r.raw("late")
			c.greeting()
			c.send(gone)
			c.want("that is no way in any more", violation)
		}
	})
}

// Subscriptions that are forbidden now are removed and their client is told; others are filtered, or not any more;
// what may be published changes as well, and what is owed to be answered.
func TestAReloadChangesWhatASessionMayDo(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := guarded(t, loops, config.Authorization{Users: []config.User{named("free", "pw"), named("ruled", "pw")}})
		free := r.free(0)
		var all []*client
		for at := range loops {
			c, twin := r.ruled(at), r.ruled(at)
			for _, c := range []*client{c, twin} { // two, so that they share a set
				c.send("SUB a.b 1", "SUB a.* 2", "SUB a.b q 3", "SUB c 4", "SUB a.b 5", "PING")
				c.pong("subscribed")
			}
			all = append(all, c, twin)
		}
		rules := config.Permissions{Publish: config.Subjects{Deny: []string{"p"}}, Subscribe: config.Subjects{Deny: []string{"a.b", "d"}}}
		r.allow(named("free", "pw"), may("ruled", rules))
		for _, c := range all {
			told := map[string]bool{}
			for _, f := range c.drain("it is told") {
				told[f.text] = true
			}
			for _, sid := range []string{`(sid "1")'`, `using queue "q" (sid "3")'`, `(sid "5")'`} {
				if !told[`-ERR 'Permissions Violation for Subscription to "a.b" `+sid] || len(told) != 3 {
					t.Fatalf("it is told %v", told)
				}
			}
			c.send("SUB a.b 6", "SUB d 7", pub("p", "x"), "PING")
			c.want("new rules hold", `-ERR 'Permissions Violation for Subscription to "a.b"'`, `-ERR 'Permissions Violation for Subscription to "d"'`,
				`-ERR 'Permissions Violation for Publish to "p"'`, "PONG")
		}
		publish := func() {
			free.send(pub("a.b", "x"), pub("a.c", "x"), pub("c", "x"), "PING")
			free.pong("published")
		}
		publish()
		for _, c := range all {
			c.want("what is denied is left out", `MSG a.c 2  "" "x"`, `MSG c 4  "" "x"`)
		}
		r.allow(named("free", "pw"), named("ruled", "pw"))
		publish()
		for _, c := range all {
			c.want("nothing is denied any more", `MSG a.b 2  "" "x"`, `MSG a.c 2  "" "x"`, `MSG c 4  "" "x"`)
			c.send("UNSUB 2 1", "PING") // it has had three: counts have not begun anew
			c.pong("it is over")
		}
		publish()
		for _, c := range all {
			c.want("the subscription had ended", `MSG c 4  "" "x"`)
			c.barrier("nothing more comes")
			c.conn.Close()
		}
		free.conn.Close()
		wantNothingHeld(t, r.Broker)
	})
}

// Rules that come with allow_responses let a session answer what it is asked from now on, and those that take it away end that.
func TestAReloadOfResponses(t *testing.T) {
	r := guarded(t, 2, config.Authorization{Users: []config.User{named("free", "pw"), may("ruled", config.Permissions{Publish: config.Subjects{Allow: []string{"x"}}})}})
	service, asker := r.ruled(0), r.free(1)
	service.send("SUB job 1", "PING")
	service.pong("subscribed")
	asker.send("SUB inbox.* 1", "PING")
	asker.pong("subscribed")
	ask := func(inbox string) {
		asker.send(request("job", "inbox."+inbox, "?"))
		service.want("it is asked", `MSG job 1 inbox.`+inbox+` "" "?"`)
	}
	refused := func(inbox string) string {
		return `-ERR 'Permissions Violation for Publish to "inbox.` + inbox + `"'`
	}
	ask("1")
	service.send(pub("inbox.1", "!"))
	service.want("it may not answer", refused("1"))
	r.allow(named("free", "pw"), may("ruled", config.Permissions{Responses: &config.Responses{Max: 2}}))
	ask("2")
	service.send(pub("inbox.2", "!"), pub("inbox.1", "!"))
	asker.want("it may answer", `MSG inbox.2 1  "" "!"`)
	service.want("not what it was asked before", refused("1"))
	r.allow(named("free", "pw"), may("ruled", config.Permissions{Publish: config.Subjects{Allow: []string{"x"}}, Responses: &config.Responses{Max: 2}}))
	service.send(pub("inbox.2", "!!"), pub("inbox.2", "!!!"))
	asker.want("what it owed it owes", `MSG inbox.2 1  "" "!!"`)
	service.want("and no more than that", refused("2"))
	ask("3")
	r.allow(named("free", "pw"), may("ruled", config.Permissions{Publish: config.Subjects{Allow: []string{"x"}}}))
	service.send(pub("inbox.3", "!"), "PING")
	service.want("it may not answer any more", refused("3"), "PONG")
}

// A password that is being compared when the users change is judged by the new ones.
func TestAReloadWhileAPasswordIsCompared(t *testing.T) {
	right := hashed(t, "pw")
	for _, c := range []struct {
		what string
		next []config.User
		in   bool
	}{
		{"the same", []config.User{named("bob", right), named("x", "y")}, true},
		{"removed", []config.User{named("x", "y")}, false},
		{"another password", []config.User{named("bob", hashed(t, "pW"))}, false},
		{"a plain one", []config.User{named("bob", "pw")}, true},
		{"open to all", nil, true},
		{"new rules", []config.User{may("bob", config.Permissions{Subscribe: config.Subjects{Deny: []string{"a"}}})}, true},
	} {
		r := guarded(t, 1, config.Authorization{Users: []config.User{named("bob", right)}})
		release := r.holdHelpers()
		p := r.raw(c.what)
		p.greeting()
		p.send(as("bob", "pw"), "SUB a 1", "PING")
		r.waiting(1)
		r.allow(c.next...)
		p.silent("nobody knows yet")
		release()
		switch {
		case !c.in:
			p.want(c.what, violation)
			p.closed("it may not come in")
		case c.what == "new rules":
			p.want(c.what, `-ERR 'Permissions Violation for Subscription to "a"'`, "PONG")
		default:
			p.want(c.what, "PONG")
		}
	}
}

// Who has not said who it is when the users change is asked from then on, or not any more.
func TestAReloadBeforeConnect(t *testing.T) {
	r := start(t, 2)
	mute, busy := r.raw("mute"), r.raw("has subscribed without CONNECT")
	mute.greeting()
	busy.greeting()
	busy.send("SUB a 1")
	busy.want("it may", "+OK")
	r.allow(named("bob", "pw"), may("rest", config.Permissions{}))
	busy.want("it is nobody", violation)
	busy.closed("it is nobody")
	mute.send("SUB a 1")
	mute.want("it is asked now", violation)
	late := r.raw("says it in time")
	if info := late.greeting(); !info.AuthRequired {
		t.Error("INFO does not say that proof is wanted")
	}
	r.allow(named("bob", "Pw"))
	late.send(as("bob", "Pw"), "PING")
	late.pong("it knows the new password")

	r.reload(func(o *config.Options) { o.Authorization.Timeout = 100 * time.Millisecond })
	slow := r.raw("slow")
	slow.greeting()
	r.allow()
	slow.silent("nothing is asked any more, and no time runs")
	time.Sleep(150 * time.Millisecond)
	slow.send("SUB a 1", "PING")
	slow.want("it may", "+OK", "PONG")
}

// A loop that has new terms and has not come to a session yet takes its next CONNECT by the new ones.
func TestConnectBetweenNewTermsAndTheSweep(t *testing.T) {
	bob, gone := named("bob", "pw"), named("gone", "pw")
	gone.Account = "A"
	r := guarded(t, 2, config.Authorization{Users: []config.User{bob, gone}}, func(o *config.Options) {
		o.Accounts = []config.Account{{Name: "A", Limits: config.NoLimits()}}
	})
	lost, stays, wrong := r.dial("gone", as("gone", "pw")), r.dial("bob", as("bob", "pw")), r.dial("bob", as("bob", "pw"))
	o := *r.Facts().Options
	o.Authorization.Users, o.Accounts = []config.User{named("bob", "PW")}, nil
	c, err := r.Prepare(&o)
	if err != nil {
		t.Fatal(err)
	}
	onLoops(r.Broker, func(l *loop.Loop) { r.shards[l.ID()].goBy(c.next) })
	lost.send(`CONNECT {"verbose":false}`)
	lost.want("its account is gone", "-ERR*")
	lost.closed("its account is gone")
	stays.send(as("bob", "PW"), "PING")
	stays.pong("it knows the new password")
	wrong.send(as("bob", "pw"))
	wrong.want("the old password is none", violation)
	if n := r.Panics(); n > 0 {
		t.Errorf("%d sessions have panicked", n)
	}
	r.Apply(c, nil)
	stays.barrier("it stays")
}

// Helpers start where a reload brings the first slow comparison.
func TestAReloadThatBringsHashes(t *testing.T) {
	r := guarded(t, 2, config.Authorization{Users: []config.User{named("bob", "pw")}})
	r.allow(named("bob", hashed(t, "pw")))
	for range 4 {
		r.dial("bob", as("bob", "pw"))
	}
	c := r.raw("wrong")
	c.greeting()
	c.send(as("bob", "pW"))
	c.want("that is not the password", violation)
}

// However many subscriptions a session has, they are looked at in slices, while it goes on subscribing and ending
// subscriptions; what is forbidden is gone at the end, and nothing else.
func TestOneWithVeryManySubscriptionsIsReloadedInSlices(t *testing.T) {
	const many, slice = 10_000, 256
	r := guarded(t, 1, config.Authorization{Users: []config.User{named("ruled", "pw")}})
	c := r.ruled(0)
	var lines []string
	for i := range many {
		lines = append(lines, fmt.Sprintf("SUB %s.%d %d", []string{"yes", "no"}[i%2], i, i))
	}
	c.send(append(lines, "PING")...)
	c.pong("subscribed")
	before := r.letters()
	changed := make(chan bool)
	go func() {
		r.allow(may("ruled", config.Permissions{Subscribe: config.Subjects{Deny: []string{"no.>"}}}))
		close(changed)
	}()
	told, answered := 0, 0
	for running := true; running; {
		select {
		case <-changed:
			running = false
		default:
		}
		c.send(fmt.Sprintf("UNSUB %d", answered*7%many), fmt.Sprintf("SUB yes.more.%d m%d", answered, answered))
		for _, f := range c.drain("it is served meanwhile") {
			if !strings.HasPrefix(f.text, `-ERR 'Permissions Violation for Subscription to "no.`) {
				t.Fatalf("got %s", f)
			}
			told++
		}
		answered++
	}
	if slices := r.letters() - before; slices < many/slice {
		t.Errorf("%d letters did it, want %d slices at least", slices, many/slice)
	}
	if answered < 3 {
		t.Errorf("it was served %d times meanwhile: the loop stood still", answered)
	}
	onLoops(r.Broker, func(l *loop.Loop) {
		l.Each(func(_ *loop.Conn, p loop.Peer) {
			for _, sub := range p.(*Session).subs.all() {
				if strings.HasPrefix(sub.topic.subject, "no.") {
					t.Errorf("%s is still there", sub.topic.subject)
				}
			}
		})
	})
	t.Logf("%d subscriptions were removed with a word, and it was served %d times meanwhile", told, answered)
	c.conn.Close()
	wantNothingHeld(t, r.Broker)
}

func (r *rig) letters() (n int64) {
	for _, l := range r.Stats().Loops {
		n += l.Letters
	}
	return n
}

// Nothing of the old users is kept: not by those who stay, nor by what loops remember of rules.
func TestAReloadForgetsTheOldUsers(t *testing.T) {
	rules := config.Permissions{Publish: config.Subjects{Allow: []string{"a.>"}}, Subscribe: config.Subjects{Deny: []string{"b"}}}
	r := guarded(t, 2, config.Authorization{Users: []config.User{may("ruled", rules), may("other", rules), named("hashed", hashed(t, "pw"))}})
	var all []*client
	for at := range 2 {
		c := r.ruled(at)
		c.send("SUB * 1", pub("a.b", "x"), pub("x", "x"), "PING")
		c.want("rules are looked up", `-ERR 'Permissions Violation for Publish to "x"'`, "PONG")
		all = append(all, c, r.dial("hashed", as("hashed", "pw")))
	}
	leaves := r.dial("other", as("other", "pw"))
	leaves.send(pub("a.b", "x"), "PING")
	leaves.pong("its rules are looked up, and the answer is remembered")
	old := weak.Make(r.Broker.terms.Load().authority)
	var user weak.Pointer[auth.User]
	var forgotten weak.Pointer[auth.Permissions]
	onLoops(r.Broker, func(l *loop.Loop) {
		l.Each(func(_ *loop.Conn, p loop.Peer) {
			s := p.(*Session)
			user = weak.Make(s.user)
			if s.user.Label() == "user:other" {
				forgotten = weak.Make(s.rules())
			}
		})
	})
	r.allow(may("ruled", rules), named("hashed", r.Facts().Options.Authorization.Users[2].Password))
	leaves.want("it may not stay", violation)
	leaves.conn.Close()
	for _, c := range all { // a loop remembers who has published last
		c.send(pub("a.c", "x"), "PING")
		c.pong("published")
	}
	eventually(t, "the old users are collected", func() bool {
		runtime.GC()
		return old.Value() == nil && user.Value() == nil && forgotten.Value() == nil
	}, func() any { return []bool{old.Value() == nil, user.Value() == nil, forgotten.Value() == nil} })
	for _, c := range all {
		c.barrier("they stay")
	}
}

// A reload that comes too late, is told to quit, or meets a lame duck does no harm.
func TestAReloadAtTheEnd(t *testing.T) {
	r := start(t, 2, func(o *config.Options) { o.LameDuckDuration, o.LameDuckGracePeriod = time.Hour, time.Hour/2 })
	c := r.dial("client", `CONNECT {"verbose":false,"protocol":1}`)
	c.want("behind the first PONG", "INFO*")
	quit, left := make(chan struct{}), make(chan bool)
	go func() { left <- r.LameDuck(quit) }()
	c.want("it is told", "INFO*")
	r.allow(named("bob", "pw"))
	c.want("it may not stay", violation)
	close(quit)
	<-left
	o := *r.Facts().Options
	change, err := r.Prepare(&o)
	if err != nil {
		t.Fatal(err)
	}
	quit = make(chan struct{})
	close(quit)
	r.Apply(change, quit)
	r.Shutdown(time.Second)
	o.Authorization = config.Authorization{Required: true, Users: []config.User{named("bob", hashed(t, "pw"))}}
	if change, err = r.Prepare(&o); err != nil {
		t.Fatal(err)
	}
	if r.Apply(change, nil) {
		t.Error("a broker that has ended was reloaded")
	}
}
