package conformance

// Permissions made by seed, the same for nats-server and gnatsd-ev: who may publish, subscribe and be
// delivered what must be the same, word for word.

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gnatsd-ev/internal/transcript"
)

const (
	usersEach = 40 // users of one server, each with permissions of its own
	opsEach   = 25 // operations of each user
)

// A lawmaker makes patterns and subjects out of few tokens, so that they meet.
type lawmaker struct{ *rand.Rand }

func (m lawmaker) one(from ...string) string { return from[m.IntN(len(from))] }

func (m lawmaker) subject(wild bool) string {
	var s []string
	for n := 1 + m.IntN(3); len(s) < n; {
		s = append(s, m.one("a", "b", "a", "b", "c", "*x"))
		if wild && m.IntN(3) == 0 {
			s[len(s)-1] = "*"
		}
	}
	if wild && m.IntN(5) == 0 {
		s[len(s)-1] = ">"
	}
	return strings.Join(s, ".")
}

func (m lawmaker) queue() string { return m.one("q", "q.r", "q.s.t", m.subject(true)) }

// list is patterns or nil: an empty list is refused here.
func (m lawmaker) list(queues bool) []string {
	if m.IntN(3) == 0 {
		return nil
	}
	var all []string
	for range 1 + m.IntN(3) {
		s := m.subject(true)
		if queues && m.IntN(3) == 0 {
			s += " " + m.one("q", "q.*", "q.>", "*", ">", m.subject(true))
		}
		all = append(all, s)
	}
	return all
}

type rules map[string][]string

func (m lawmaker) rules(queues bool) rules {
	r := rules{}
	if l := m.list(queues); l != nil {
		r["allow"] = l
	}
	if l := m.list(queues); l != nil {
		r["deny"] = l
	}
	return r
}

// config is a configuration with a user free, who may do everything, and many who may not.
func (m lawmaker) config() (text string, subscribe []rules) {
	users := []map[string]any{{"user": "free", "password": "p"}}
	for i := range usersEach {
		s := m.rules(true)
		subscribe = append(subscribe, s)
		users = append(users, map[string]any{"user": fmt.Sprint("u", i), "password": "p", "permissions": map[string]any{"publish": m.rules(false), "subscribe": s}})
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // the format of the file has no \u
	if err := e.Encode(map[string]any{"authorization": map[string]any{"users": users}}); err != nil {
		panic(err) // text in lists always encodes
	}
	return b.String(), subscribe
}

// deviates reports whether nats-server lets a pattern with > in because of one with *.
func deviates(pattern string, s rules) bool {
	return (pattern == ">" || strings.HasSuffix(pattern, ".>")) && strings.Contains(strings.Join(s["allow"], " "), "*")
}

// step is what one client sends, the user or the free one.
type step struct {
	free bool
	line string
}

func (m lawmaker) steps(s rules) (all []step) {
	for i := range opsEach {
		switch pattern := m.subject(true); {
		case m.IntN(3) == 0:
			all = append(all, step{line: "PUB " + m.subject(m.IntN(4) == 0) + " 1\r\nx"})
		case !deviates(pattern, s):
			queue := m.one("", "", m.queue()+" ")
			all = append(all, step{line: fmt.Sprintf("SUB %s %s%d", pattern, queue, i)})
			for range 4 {
				all = append(all, step{free: true, line: "PUB " + m.subject(false) + " 1\r\ny"})
			}
			all = append(all, step{line: fmt.Sprintf("UNSUB %d", i)})
		}
	}
	return all
}

// play returns what the user and the free client get, step by step.
func (m lawmaker) play(t *testing.T, s server, user string, steps []step) (heard []string) {
	t.Helper()
	var both [2]*rawClient
	for i, name := range []string{user, "free"} {
		c, err := dialRaw(t, s, wait)
		if err != nil {
			t.Fatal(err)
		}
		defer c.conn.Close()
		fmt.Fprintf(c.conn, "CONNECT {\"user\":%q,\"pass\":\"p\",\"verbose\":false,\"pedantic\":false}\r\n", name)
		both[i] = c
	}
	fmt.Fprint(both[1].conn, "SUB > 1\r\n")
	until := func(c *rawClient, who string) {
		fmt.Fprint(c.conn, "PING\r\n")
		for {
			line, err := c.line(wait)
			switch {
			case err != nil:
				t.Fatalf("%s: %v", who, err)
			case line == "PING":
				continue
			case line == "PONG":
				return
			}
			heard = append(heard, who+" "+line)
		}
	}
	until(both[0], user)
	until(both[1], "free")
	for _, st := range steps {
		first := 0
		if st.free {
			first = 1
		}
		heard = append(heard, "> "+st.line)
		fmt.Fprint(both[first].conn, st.line+"\r\n")
		until(both[first], []string{user, "free"}[first])
		until(both[1-first], []string{user, "free"}[1-first])
	}
	return heard
}

func TestPermissionsAreTheSame(t *testing.T) {
	rounds := 3
	if testing.Short() {
		rounds = 1
	}
	for seed := range uint64(rounds) {
		m := lawmaker{rand.New(rand.NewPCG(seed, 36))}
		text, subscribe := m.config()
		script := make([][]step, usersEach)
		for i := range script {
			script[i] = m.steps(subscribe[i])
		}
		var want [usersEach][]string
		refused := 0
		for _, b := range brokers {
			s, stop := b.startUntil(t, transcript.Options{transcript.ConfigOption: text}, 0)
			for i := range script {
				got := m.play(t, s, fmt.Sprint("u", i), script[i])
				if b.loops == 0 {
					want[i] = got
					refused += strings.Count(strings.Join(got, "\n"), "Permissions Violation")
					continue
				}
				for n := range max(len(got), len(want[i])) {
					if n >= len(got) || n >= len(want[i]) || got[n] != want[i][n] {
						t.Fatalf("seed %d, user u%d: %s differs from nats-server behind\n%s\nit got\n%s\nof %s", seed, i, b.name,
							strings.Join(want[i][max(0, n-6):min(n+2, len(want[i]))], "\n"), strings.Join(got[max(0, n-2):min(n+2, len(got))], "\n"), text)
					}
				}
			}
			stop()
		}
		if refused < usersEach {
			t.Errorf("seed %d: %d operations were refused: this tests little", seed, refused)
		}
	}
}
