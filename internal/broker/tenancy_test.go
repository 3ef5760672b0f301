package broker

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/loop"
)

// accountsOf are options with accounts that have a user of their name in small letters each, and limits.
func accountsOf(limits map[string]config.AccountLimits) func(*config.Options) {
	return func(o *config.Options) {
		for name, l := range limits {
			o.Accounts = append(o.Accounts, config.Account{Name: name, Limits: l})
			o.Authorization.Users = append(o.Authorization.Users, config.User{Name: strings.ToLower(name), Password: "pw", Account: name})
		}
	}
}

func twoAccounts(o *config.Options) {
	accountsOf(map[string]config.AccountLimits{"A": config.NoLimits(), "B": config.NoLimits()})(o)
}

// Nobody gets into another account by naming it, at first or later, whatever follows in the same breath
// (CVE-2022-24450).
func TestAccountInConnectOpensNothing(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops, twoAccounts)
		b := r.dial("b", as("b", "pw"))
		for _, named := range []string{`"account":"B"`, `"account":"A"`, `"account":"$SYS"`, `"new_account":true`} {
			line := strings.Replace(as("a", "pw"), "{", "{"+named+",", 1)
			for _, before := range [][]string{nil, {as("a", "pw")}} {
				p := r.raw(named)
				p.greeting()
				p.send(append(before, line, "SUB > 1", pub("x", "from a stranger"), "PING")...)
				p.want("no account is chosen by naming it", violation)
				p.closed("who tries has to go")
			}
		}
		b.send("SUB > 1", "PING")
		b.pong("nothing came")
	})
}

// Where only the system's account has users, nobody needs to prove anything; a block of authorization, even one
// without users, or a user given by flags changes that (CVE-2023-47090).
func TestABlockOfAuthorizationClosesTheDoor(t *testing.T) {
	system := []config.Account{{Name: "$SYS", Limits: config.NoLimits()}}
	users := []config.User{{Name: "s", Password: "pw", Account: "$SYS"}}
	for _, c := range []struct {
		what string
		a    config.Authorization
		open bool
	}{
		{"nothing else", config.Authorization{Users: users, Nameless: true}, true},
		{"a block", config.Authorization{Users: users, Required: true}, false},
		{"a flag", config.Authorization{Users: users, Required: true, User: "u", Password: "p", Nameless: true}, false},
	} {
		r := start(t, 1, func(o *config.Options) { o.Accounts, o.Authorization = system, c.a })
		for _, first := range []string{quiet, "PING", "SUB a 1", pub("a", "x")} {
			p := r.raw(first)
			if !p.greeting().AuthRequired {
				t.Errorf("%s: clients are not told that there are users", c.what)
			}
			p.send(first, "PING")
			if c.open {
				p.drain("who says nothing may stay")
				continue
			}
			p.want(c.what+": proof is wanted", violation)
			p.closed("who proves nothing has to go")
		}
	}
}

// An account's limit of sessions holds over all loops at once, and the log says why somebody was sent away.
func TestAccountConnectionsAcrossLoops(t *testing.T) {
	const most, tries = 5, 40
	limits := config.NoLimits()
	limits.MaxConnections = most
	r := start(t, 4, accountsOf(map[string]config.AccountLimits{"A": limits, "B": config.NoLimits()}))
	for round := range 3 {
		var in atomic.Int64
		var all sync.WaitGroup
		clients := make([]*client, tries)
		for i := range clients {
			c, err := r.connect(fmt.Sprint("client ", i))
			if err != nil {
				t.Fatal(err)
			}
			clients[i] = c
			all.Go(func() {
				c.conn.SetDeadline(time.Now().Add(patience))
				c.conn.Write([]byte(as("a", "pw") + "\r\nPING\r\n"))
				c.read() // the greeting
				switch f, err := c.read(); {
				case err != nil:
					t.Errorf("%s: %v", c.name, err)
				case f.text == "PONG":
					in.Add(1)
				case f.text != "-ERR 'maximum account active connections exceeded'":
					t.Errorf("%s: got %s", c.name, f)
				}
			})
		}
		all.Wait()
		if n := in.Load(); n != most {
			t.Errorf("round %d: %d came in, want %d", round, n, most)
		}
		other := r.dial("another account", as("b", "pw"))
		other.barrier("has room")
		other.conn.Close()
		for _, c := range clients {
			c.conn.Close()
		}
		wantNothingHeld(t, r.Broker)
	}
}

func TestAccountLimitIsLogged(t *testing.T) {
	out := &logBuffer{}
	log, err := logging.New(logging.Options{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	limits := config.NoLimits()
	limits.MaxConnections = 0
	r := startLogged(t, log, 1, accountsOf(map[string]config.AccountLimits{"A": limits}))
	c := r.raw("a")
	c.greeting()
	c.send(as("a", "pw"))
	c.want("there is no room", "-ERR 'maximum account active connections exceeded'")
	c.closed("and no place")
	r.Shutdown(time.Second)
	log.Close(time.Second)
	want := fmt.Sprintf("[ERR] %s - cid:1 - maximum account active connections exceeded\n", c.local())
	if !strings.Contains(out.String(), want) {
		t.Errorf("the log has no line %q:\n%s", want, out.String())
	}
}

// A 503 that is on its way from another loop is for the account where the request was made.
func TestNoRespondersStayInTheirAccount(t *testing.T) {
	r := start(t, 1, twoAccounts)
	c := r.dial("a", as("a", "pw"))
	var from origin
	onLoops(r.Broker, func(l *loop.Loop) {
		sh := r.shards[l.ID()]
		l.Each(func(conn *loop.Conn, p loop.Peer) { from = origin{name: conn.Handle(), loop: uint8(sh.id), real: true} })
	})
	c.send(as("b", "pw"), "SUB inbox 1", "PING")
	c.pong("it is in B now")
	for name, answers := range map[string]bool{"A": false, "B": true} {
		onLoops(r.Broker, func(l *loop.Loop) {
			r.shards[l.ID()].sendBack(&message{account: r.terms.Load().grants[name].account, subject: []byte("job"), reply: []byte("inbox"), origin: from})
		})
		got := c.drain("what came of it")
		if (len(got) > 0) != answers {
			t.Errorf("a request made in %s: got %v", name, got)
		}
	}
}

// Terms that come later keep the accounts that have a name again, with what lives in them, and have limits of
// their own.
func TestAccountsOutliveTerms(t *testing.T) {
	o := config.Default()
	o.Accounts = []config.Account{{Name: "A", Limits: config.NoLimits()}, {Name: "B", Limits: config.NoLimits()}}
	first := &terms{options: o}
	first.grant(o, nil, 2)
	next := config.Default()
	next.Accounts = []config.Account{{Name: "A", Limits: config.AccountLimits{MaxConnections: 7, MaxSubscriptions: 8, MaxPayload: 9}}, {Name: "C", Limits: config.NoLimits()}}
	second := &terms{options: next}
	second.grant(next, first, 2)
	for _, name := range []string{"$G", "$SYS", "A"} {
		if second.grants[name].account != first.grants[name].account {
			t.Errorf("%s is another account", name)
		}
	}
	a := second.grants["A"]
	if second.grants["B"] != nil || second.grants["C"] == nil || a.sessionsMax != 7 || a.payloadMax != 9 || second.maxSubscriptions(a.account) != 8 {
		t.Errorf("got %+v, %+v, %d", second.grants, a, second.maxSubscriptions(a.account))
	}
	if b := first.grants["A"]; b.sessionsMax >= 0 || b.payloadMax != config.DefaultMaxPayload || first.maxSubscriptions(b.account) != 0 {
		t.Errorf("the terms before have changed: %+v", b)
	}
}

// What accounts cost that nobody is in, and that somebody subscribed in on each of two loops.
func TestAccountsAreSmall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	const many = 10_000
	r := start(t, 2)
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	o := config.Default()
	for i := range many {
		o.Accounts = append(o.Accounts, config.Account{Name: fmt.Sprintf("tenant-%d", i), Limits: config.NoLimits()})
	}
	before := heap()
	accounts := &terms{options: o}
	accounts.grant(o, nil, 2)
	idle := heap()
	subscribed := func(patterns ...string) uint64 {
		for i := range o.Accounts {
			a := accounts.grants[o.Accounts[i].Name].account
			onLoops(r.Broker, func(l *loop.Loop) {
				t := a.on(r.shards[l.ID()])
				for _, p := range patterns {
					t.topics.Set(p, &topic{})
					a.index.Set(p, newInterest(1, nil))
				}
				t.match(nil, []byte("a.b"))
				t.others.Match(nil, []byte("a.b"))
			})
		}
		return heap()
	}
	literal := subscribed("a.b")
	pattern := subscribed("a.*")
	runtime.KeepAlive(accounts)
	each := func(from, to uint64) int { return int(to-from) / many }
	t.Logf("bytes an account: %d idle, %d more with a literal subject on each of two loops, %d more with a pattern", each(before, idle), each(idle, literal), each(literal, pattern))
	if n := each(before, idle); n > 800 {
		t.Errorf("an idle account takes %d bytes", n)
	}
	if n := each(idle, literal); n > 4_000 {
		t.Errorf("an account with a subject on two loops takes %d bytes more", n)
	}
	if n := each(literal, pattern); n > 12_000 {
		t.Errorf("an account with a pattern on two loops takes %d bytes more", n)
	}
}

// What a client subscribed to before a reload had anybody prove who it is, and before it said CONNECT, does not follow it
// into the account it turns out to be of; nor does it stay where it was.
func TestSubscriptionsFromBeforeConnectStayBehind(t *testing.T) {
	r := start(t, 1)
	early := r.raw("subscribes without CONNECT")
	early.greeting()
	early.send("SUB > 1")
	early.want("it may", "+OK")
	r.reload(func(o *config.Options) {
		o.Accounts = []config.Account{{Name: "$SYS", Limits: config.NoLimits()}}
		o.Authorization = config.Authorization{Users: []config.User{{Name: "s", Password: "pw", Account: "$SYS"}}, Nameless: true}
	})
	other := r.dial("stays nameless", quiet)
	early.send(as("s", "pw"), "PING")
	early.pong("it is of the system's account now")
	other.send(pub("x", "for the global account"))
	other.barrier("it has published")
	early.send("PING")
	early.pong("and nothing came")
}
