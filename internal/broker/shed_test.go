package broker

import (
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/loop"
)

// Limits hold for those who are connected as well, but what nats-server does not tell is not told.
func TestAReloadOfLimits(t *testing.T) {
	r := start(t, 2)
	c, other := r.on(0, "c"), r.on(1, "other")
	c.send("SUB a 1", "PING")
	c.pong("subscribed")
	r.reload(func(o *config.Options) {
		o.MaxPayload, o.MaxControlLine, o.PingInterval, o.WriteDeadline, o.ClientAdvertise = 10, 64, time.Hour, time.Minute, "1.2.3.4:5"
	})
	c.barrier("nothing is told")
	late := r.raw("late")
	if f := late.next("the greeting"); !strings.Contains(f.text, `"max_payload":10,`) || !strings.Contains(f.text, `"host":"1.2.3.4","port":5,`) {
		t.Errorf("greeted with %s", f)
	}
	other.send(pub("a", "0123456789"), "PING")
	other.pong("as much as may be")
	c.want("it came", `MSG a 1  "" "0123456789"`)
	other.send("PUB a 11")
	other.want("more than may be", "-ERR 'Maximum Payload Violation'")
	c.send("SUB " + strings.Repeat("x", 70) + " 2")
	c.want("more than may be", "-ERR 'maximum control line exceeded'")
	if f := r.Facts(); f.Options.MaxPayload != 10 {
		t.Errorf("the facts are %+v", f)
	}
}

// A lower max_connections closes those that are too many, whatever they are doing.
func TestAReloadOfMaxConnections(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		var all []*client
		for range 40 {
			all = append(all, r.dial("client"))
		}
		r.reload(func(o *config.Options) { o.MaxConnections = 15 })
		closed := 0
		for _, c := range all {
			c.send("PING")
			if f := c.next("an answer"); f.text == "-ERR 'maximum connections exceeded'" {
				closed++
				c.conn.Close()
			} else if f.verb != "PONG" {
				t.Fatalf("got %s", f)
			}
		}
		if closed != 25 {
			t.Errorf("%d were closed, want 25", closed)
		}
		c := r.raw("one more")
		c.greeting()
		c.want("there are enough", "-ERR 'maximum connections exceeded'")
		eventually(t, "they have gone", func() bool { return r.sessions.Load() == 15 })
		r.reload(func(o *config.Options) { o.MaxConnections = 16 })
		last := r.dial("one more")
		r.reload(func(o *config.Options) { o.MaxConnections = 1 })
		r.reload(func(o *config.Options) { o.MaxConnections = 1 }) // those of the first still close
		open := 0
		onLoops(r.Broker, func(l *loop.Loop) { l.EachFrom(0, 1000, func(*loop.Conn, loop.Peer) { open++ }) })
		if open != 1 {
			t.Errorf("%d are open, want 1", open)
		}
		last.conn.Close()
		r.reload(func(o *config.Options) { o.MaxConnections = -1 })
		eventually(t, "nobody may stay", func() bool { return r.sessions.Load() == 0 })
	})
}

// Accounts that go take their sessions with them, users that move are closed without a word, limits hold for who is there, and
// what stays loses nothing.
func TestAReloadOfAccounts(t *testing.T) {
	in := func(account string, u config.User) config.User { u.Account = account; return u }
	limits := func(set func(*config.AccountLimits)) config.AccountLimits {
		l := config.NoLimits()
		set(&l)
		return l
	}
	account := func(name string) config.Account { return config.Account{Name: name, Limits: config.NoLimits()} }
	eachLoops(t, func(t *testing.T, loops int) {
		users := []config.User{in("A", named("a", "pw")), in("B", named("b", "pw")), in("A", named("moves", "pw")), in("GONE", named("c", "pw")), named("g", "pw")}
		r := guarded(t, loops, config.Authorization{Users: users}, func(o *config.Options) {
			o.Accounts = []config.Account{account("A"), account("B"), account("GONE")}
		})
		var stay []*client
		for at := range loops {
			a, b := r.on(at, "a", as("a", "pw")), r.on(at, "b", as("b", "pw"))
			for _, c := range []*client{a, b} {
				c.send("SUB x 1", "PING")
				c.pong("subscribed")
			}
			stay = append(stay, a, b)
		}
		moves, gone, global := r.dial("moves", as("moves", "pw")), r.dial("c", as("c", "pw")), r.dial("g", as("g", "pw"))
		users = []config.User{in("A", named("a", "pw")), in("B", named("b", "pw")), in("B", named("moves", "pw")), in("NEW", named("n", "pw")), named("g", "pw")}
		tight := account("B")
		tight.Limits = limits(func(l *config.AccountLimits) { l.MaxPayload = 3 })
		r.reload(func(o *config.Options) {
			o.Authorization.Users, o.Accounts = users, []config.Account{account("A"), tight, account("NEW")}
		})
		moves.closed("it belongs elsewhere")
		gone.want("its user is gone", violation)
		global.barrier("it stays")
		again, n := r.dial("moves", as("moves", "pw")), r.dial("n", as("n", "pw"))
		again.send(pub("x", "abc"), pub("x", "abcd"))
		again.want("the new limit", "-ERR 'Maximum Payload Violation'")
		n.send(pub("x", "new"), "PING")
		n.pong("published")
		for i, c := range stay {
			if i%2 == 1 {
				c.want("it is reached", `MSG x 1  "" "abc"`)
			}
			c.barrier("nothing else comes")
		}
		tight.Limits = limits(func(l *config.AccountLimits) { l.MaxConnections = 1 })
		one := account("A")
		one.Limits = limits(func(l *config.AccountLimits) { l.MaxSubscriptions = 1 })
		stay[0].send("SUB y 2", "PING")
		stay[0].pong("two subscriptions")
		r.reload(func(o *config.Options) { o.Accounts = []config.Account{one, tight, account("NEW")} })
		stay[0].want("it has more than it may", "-ERR 'maximum subscriptions exceeded'")
		stay[0].closed("it has more than it may")
		left := 0
		for i, c := range stay[1:] {
			c.send("PING")
			f := c.next("an answer")
			switch {
			case f.verb == "PONG":
				left += (i + 1) % 2
			case f.text != "-ERR 'maximum account active connections exceeded'" || i%2 == 1:
				t.Fatalf("%s got %s", c.name, f)
			}
		}
		if left != 1 {
			t.Errorf("%d sessions are left in an account of one", left)
		}
		for _, c := range append(stay, again, n, global) {
			c.conn.Close()
		}
		wantNothingHeld(t, r.Broker)
	})
}
