package conformance

// The matrix of denials: every kind of rule against every kind of subscription, beside the rules as they are told (the naive
// twin) and beside nats-server. CVE-2022-29946, advisories 2026-17 and 2026-18, and what July 2026 mended about queues.

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// A law is what one user may subscribe to.
type law struct{ allow, deny []string }

var laws = []law{
	{}, {deny: []string{"a.b"}}, {deny: []string{"a.*"}}, {deny: []string{"*.b"}}, {deny: []string{"a.>"}}, {deny: []string{">"}}, {deny: []string{"*.*.c"}},
	{deny: []string{"a.b q"}}, {deny: []string{"a.b q.*"}}, {deny: []string{"a.b q.>"}}, {deny: []string{"a.b *"}}, {deny: []string{"a.* >"}}, {deny: []string{"> q"}}, {deny: []string{"*.b q.1.x"}},
	{deny: []string{"a.b q", "a.b"}}, {deny: []string{"a.b", "a.b q"}}, {deny: []string{"a.* q", "*.b"}}, {deny: []string{"a.b other", "a.> q", "x.b q.*"}},
	{allow: []string{"a.b"}}, {allow: []string{"a.b q"}}, {allow: []string{"a.b", "a.b q"}}, {allow: []string{"> q.*"}}, {allow: []string{">", "a.b q"}}, {allow: []string{"a.*"}},
	{allow: []string{"a.>", "x.b q"}, deny: []string{"a.b.*"}}, {allow: []string{">"}, deny: []string{"a.b q", "a.*"}}, {allow: []string{"a.> q"}, deny: []string{"a.b q"}}, {allow: []string{"a.* q", "a.c"}, deny: []string{"*.c q", "a.b"}},
}

var (
	triedPatterns = []string{"a.b", "a.c", "a.*", "*.b", "*.*", "a.>", ">", "a.b.c", "a.*.c", "*.b.>", "x.b", "a"}
	triedQueues   = []string{"", "q", "q.1", "q.1.x", "other", "q.*", ">"}
	triedSubjects = []string{"a.b", "a.c", "a.b.c", "x.b", "a", "x.b.c", "a.*"}
)

// covers is whether pattern takes all that other does, token by token; a subject's bytes stand for themselves. To a denial, as
// in nats-server, a * takes a > as well: what it says of a wider subscription is that it is refused as a whole.
func covers(pattern, other string, denial bool) bool {
	p, o := strings.Split(pattern, "."), strings.Split(other, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return len(o) > i
		case i >= len(o), token == "*" && o[i] == ">" && !denial, token != "*" && token != o[i]:
			return false
		}
	}
	return len(p) == len(o)
}

// says is what entries say of a subject: for everybody, for some queues, for this queue.
func says(entries []string, subject, queue string, denial bool) (plain, queued, named bool) {
	for _, e := range entries {
		pattern, q, of := strings.Cut(e, " ")
		if covers(pattern, subject, denial) {
			plain, queued, named = plain || !of, queued || of, named || of && queue != "" && (q == queue || covers(q, queue, false))
		}
	}
	return plain, queued, named
}

func (l law) admits(pattern, queue string) bool {
	plain, queued, named := says(l.allow, pattern, queue, false)
	switch {
	case l.allow == nil:
		plain = true
	case queue != "" && queued:
		plain = named
	}
	return plain && l.delivers(pattern, queue)
}

func (l law) delivers(subject, queue string) bool {
	plain, _, named := says(l.deny, subject, queue, true)
	return !plain && !named
}

// want is what a subscription must come to.
func (l law) want(pattern, queue string) (all []string) {
	if !l.admits(pattern, queue) {
		of := ""
		if queue != "" {
			of = fmt.Sprintf(" using queue %q", queue)
		}
		return []string{fmt.Sprintf("-ERR 'Permissions Violation for Subscription to %q%s'", pattern, of)}
	}
	for _, s := range triedSubjects {
		if covers(pattern, s, false) && l.delivers(s, queue) {
			all = append(all, "MSG "+s+" 7 1")
		}
	}
	return all
}

// ruledBy is a configuration with a user for each law, and one without.
func ruledBy(all []law) string {
	var b strings.Builder
	b.WriteString("authorization { users: [\n{ user: free, password: pw }\n")
	for i, l := range all {
		fmt.Fprintf(&b, "{ user: u%d, password: pw, permissions: { subscribe: { ", i)
		if l.allow != nil {
			fmt.Fprintf(&b, "allow: [\"%s\"], ", strings.Join(l.allow, `", "`))
		}
		if l.deny != nil {
			fmt.Fprintf(&b, "deny: [\"%s\"] ", strings.Join(l.deny, `", "`))
		}
		b.WriteString("} } }\n")
	}
	b.WriteString("] }\n")
	return b.String()
}

// comeIn connects as a user.
func comeIn(t *testing.T, s server, user string) *rawClient {
	t.Helper()
	c, err := dialRaw(t, s, wait)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c.conn, "CONNECT {\"user\":%q,\"pass\":\"pw\",\"verbose\":false,\"pedantic\":false}\r\n", user)
	return c
}

// until sends lines and a PING and returns what comes before the PONG, payloads left out.
func (c *rawClient) until(t *testing.T, lines string) (got []string) {
	t.Helper()
	fmt.Fprint(c.conn, lines+"PING\r\n")
	for {
		switch line, err := c.line(wait); {
		case err != nil:
			t.Fatalf("behind %q: %v", lines, err)
		case line == "PONG":
			return got
		case line != "PING" && line != "x":
			got = append(got, line)
		}
	}
}

func TestMatrixOfDenials(t *testing.T) {
	var batch strings.Builder
	for _, s := range triedSubjects {
		batch.WriteString("PUB " + s + " 1\r\nx\r\n")
	}
	for _, b := range brokers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			s := b.start(t, configOf(ruledBy(laws)), 0)
			for i, l := range laws {
				// One connection that has had filtered subscriptions before, and a publisher for each.
				c, from := comeIn(t, s, fmt.Sprint("u", i)), comeIn(t, s, "free")
				for _, pattern := range triedPatterns {
					if b.loops == 0 && strings.HasSuffix(pattern, ">") && strings.Contains(strings.Join(l.allow, " "), "*") {
						continue // the row permissions-full-wildcard
					}
					for _, queue := range triedQueues {
						sub := strings.Join(strings.Fields("SUB "+pattern+" "+queue+" 7"), " ") + "\r\n"
						got := c.until(t, sub)
						from.until(t, batch.String())
						got = append(got, c.until(t, "UNSUB 7\r\n")...)
						if want := l.want(pattern, queue); !slices.Equal(got, want) {
							t.Fatalf("allow %q deny %q, %q\n gets %q\nwants %q", l.allow, l.deny, sub, got, want)
						}
					}
				}
				c.conn.Close()
				from.conn.Close()
			}
		})
	}
}

// What a user may publish, replies it owes included: which of its messages get through, in order.
func TestMatrixOfReplies(t *testing.T) {
	const tries = "r.1 r.1 r.1 r.2 own svc"
	for permissions, want := range map[string]string{
		"{ allow_responses: true }":                                                                 "r.1",
		"{ allow_responses: { max: 2 } }":                                                           "r.1 r.1",
		"{ allow_responses: { max: -1 } }":                                                          "r.1 r.1 r.1",
		"{ allow_responses: { max: 2, expires: \"1ns\" } }":                                         "",
		"{ allow_responses: true, publish: own }":                                                   "r.1 own",
		"{ allow_responses: true, publish: { allow: own, deny: own } }":                             "r.1",
		"{ allow_responses: true, publish: { deny: \"r.*\" } }":                                     "r.1", // what is owed may be sent though it is denied
		"{ allow_responses: true, publish: { allow: \"r.*\" } }":                                    "r.1 r.1 r.1 r.2",
		"{ allow_responses: true, publish: { allow: \">\", deny: \"r.>\" } }":                       "r.1 own svc",
		"{ allow_responses: true, publish: { allow: \"r.1\" }, subscribe: { deny: \"svc.*\" } }":    "r.1 r.1 r.1",
		"{ allow_responses: true, subscribe: { allow: [\"svc.>\", \"svc q\"] } }":                   "", // may not even be asked
		"{ publish: { deny: \"r.1\" } }":                                                            "r.2 own svc",
		"{ publish: { deny: [\"*.1\", \"*\"] } }":                                                   "r.2",
		"{ publish: { allow: [\"r.>\"], deny: [\"*.2\"] }, subscribe: { allow: \"svc nobodys\" } }": "r.1 r.1 r.1",
	} {
		text := "authorization { users: [ { user: free, password: pw }, { user: ruled, password: pw, permissions: " + permissions + " } ] }\n"
		for _, b := range brokers {
			s, stop := b.startUntil(t, configOf(text), 0)
			c, asks := comeIn(t, s, "ruled"), comeIn(t, s, "free")
			c.until(t, "SUB svc 1\r\n")
			asks.until(t, "SUB r.* 1\r\nSUB own 2\r\n")
			asks.until(t, "PUB svc r.1 1\r\nx\r\n")
			c.until(t, "")
			time.Sleep(time.Millisecond) // so that 1ns is over
			asks.until(t, "SUB svc 3\r\n")
			refused := 0
			for _, subject := range strings.Fields(tries) {
				refused += len(slices.DeleteFunc(c.until(t, "PUB "+subject+" 1\r\nx\r\n"), func(line string) bool { return !strings.HasPrefix(line, "-ERR 'Permissions Violation for Publish to ") }))
			}
			var got []string
			for _, line := range asks.until(t, "") {
				got = append(got, strings.Fields(line)[1])
			}
			if strings.Join(got, " ") != want || refused != len(strings.Fields(tries))-len(got) {
				t.Errorf("%s, %s: %q got through and %d were refused, want %q", b.name, permissions, got, refused, want)
			}
			stop()
		}
	}
}
