//go:build invariants

package broker

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"gnatsd-ev/internal/auth"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/proto"
)

// Users in a simulation: who they are and what they may do, and the model's own reading of that. Comparisons that
// are slow run on threads of the simulation.

// simUser is somebody a client may be.
type simUser struct {
	config.User
	given string // what proves it
}

// simHash is the hash of every hashed password: making one takes longer than a seed.
var simHash = sync.OnceValue(func() string {
	b, err := bcrypt.GenerateFromPassword([]byte("hashed"), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(b)
})

// authorize draws who there is.
func (s *sim) authorize(a *config.Authorization) {
	if !s.mix.users {
		return
	}
	d := &s.dice
	for i := range 1 + d.n(4) {
		u := &simUser{given: fmt.Sprintf("secret%d", i)}
		u.Name, u.Password = fmt.Sprintf("user%d", i), u.given
		if s.mix.slowLogins && d.oneIn(2) {
			u.given, u.Password = "hashed", simHash()
		}
		if !d.oneIn(6) {
			u.Permissions = s.drawPermissions()
		}
		s.users = append(s.users, u)
		a.Users = append(a.Users, u.User)
	}
	a.Required = true
	if u := s.users[0]; d.oneIn(2) && u.given != "hashed" {
		a.NoAuthUser, s.nameless = u.Name, u
	}
}

func (s *sim) drawPermissions() *config.Permissions {
	d := &s.dice
	p := &config.Permissions{Publish: s.drawSubjects(false), Subscribe: s.drawSubjects(true)}
	if d.oneIn(4) {
		p.Responses = &config.Responses{Max: []int{0, 2, -1}[d.n(3)], Expires: -1}
	}
	return p
}

// drawSubjects makes rules: allowed is much as a rule, or else nothing happens.
func (s *sim) drawSubjects(queues bool) (r config.Subjects) {
	d := &s.dice
	words := []string{"a", "a.b", "a.c", "b.c", "b.b", "a.*", "*.b", "b.>", "a.>", "*", "*.c", "once.>"}
	draw := func(list []string, n int) []string {
		for range n {
			w := d.word(words)
			if queues && d.oneIn(4) {
				w += " " + d.word(s.mix.names)
			}
			list = append(list, w)
		}
		return list
	}
	if d.oneIn(2) {
		r.Allow = draw([]string{"inbox.>", "secret.>"}[:d.n(3)], 1+d.n(4))
		if d.oneIn(3) {
			r.Allow = append(r.Allow, ">")
		}
	}
	if d.oneIn(2) {
		r.Deny = draw(nil, 1+d.n(3))
	}
	return r
}

// Rules as the model reads them: one after the other.

func (u *simUser) free() bool { return u == nil || u.Permissions == nil }

// publishes reports whether the user may publish to a subject whatever it was asked.
func (u *simUser) publishes(subj string) bool {
	if u.free() {
		return true
	}
	r, match := u.Permissions.Publish, func(p string) bool { return simMatches(p, subj) }
	limited := r.Allow != nil || u.Permissions.Responses != nil
	return (!limited || slices.ContainsFunc(r.Allow, match)) && !slices.ContainsFunc(r.Deny, match)
}

// subscribes reports whether the user may subscribe.
func (u *simUser) subscribes(subj, queue string) bool {
	if u.free() {
		return true
	}
	plain, queued, named := u.Permissions.Subscribe.Allow == nil, false, false
	for _, entry := range u.Permissions.Subscribe.Allow {
		p, q, _ := strings.Cut(entry, " ")
		switch {
		case !simContains(p, subj):
		case q == "":
			plain = true
		default:
			queued, named = true, named || q == queue
		}
	}
	if queue != "" && queued {
		plain = named
	}
	return plain && !u.denies(subj, queue)
}

// denies reports whether a message is kept from the user's subscriptions.
func (u *simUser) denies(subj, queue string) bool {
	return !u.free() && slices.ContainsFunc(u.Permissions.Subscribe.Deny, func(entry string) bool {
		p, q, _ := strings.Cut(entry, " ")
		return simMatches(p, subj) && (q == "" || q == queue)
	})
}

// filters reports whether anything is denied to the user.
func (u *simUser) filters() bool { return !u.free() && len(u.Permissions.Subscribe.Deny) > 0 }

func (u *simUser) responds() *config.Responses {
	if u.free() {
		return nil
	}
	return u.Permissions.Responses
}

// simContains says whether a pattern matches all that a subscription does.
func simContains(pattern, subj string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subj, ".")
	for i, token := range p {
		switch {
		case token == ">":
			return i < len(s)
		case i >= len(s), token == "*" && s[i] == ">", token != "*" && token != s[i]:
			return false
		}
	}
	return len(p) == len(s)
}

// How clients come in.

// introduce chooses who a new connection says it is, and returns the fields of CONNECT for that.
func (c *simConn) introduce() (fields string) {
	s := c.sim
	if len(s.users) == 0 {
		return ""
	}
	who := s.users[s.dice.n(len(s.users))]
	name, given := who.Name, who.given
	switch s.dice.n(10) {
	case 0:
		given = "wrong"
		c.bar()
	case 1:
		name = "nobody"
		c.bar()
	case 2: // says nothing, and stays who it is
		if c.user == nil {
			c.stayNameless()
		}
		return ""
	}
	c.user = who
	return fmt.Sprintf(`"user":%q,"pass":%q,`, name, given)
}

// stayNameless is for a connection that does not say who it is.
func (c *simConn) stayNameless() {
	if len(c.sim.users) == 0 {
		return
	}
	if c.user = c.nameless; c.user == nil {
		c.bar()
	}
}

// bar notes that the connection will not come in: nothing of what it says counts.
func (c *simConn) bar() {
	c.barred = true
	c.excuse("may not come in")
}

// Slow comparisons.

// simHelpers is a line of tasks, each of which a thread of its own does when the seed wants it.
type simHelpers struct{ *sim }

func (h simHelpers) Do(t auth.Task) {
	s := h.sim
	s.spawn(fmt.Sprintf("helper %d", len(s.threads)), func() {
		s.sleepUntil(s.clock + int64(s.dice.n(4))*int64(s.dice.n(int(2*time.Second))))
		s.point()
		t.Work()
		s.did("login", -1, 0, nil)
	})
}

func (simHelpers) Stop() {}

// sleepUntil lets others run until a time.
func (s *sim) sleepUntil(at int64) {
	t := s.current
	t.until, t.sleeps = at, true
	s.giveWay()
	t.sleeps = false
}

// compares reports whether a comparison goes on.
func (s *sim) compares() bool {
	return slices.ContainsFunc(s.threads, func(t *simThread) bool { return !t.ended && t.sleeps })
}

// What a user was asked.

// asked notes that a message with a reply subject was delivered to the connection.
func (c *simConn) asked(m *simMessage) {
	if m.reply != "" && c.user.responds() != nil {
		c.asks[m.reply]++
	}
}

// judge says what comes of publishing a message: it may be denied. Of an answer that allow_responses permits some times
// it is doubtful, as that hangs on how often the question came before it was handled.
func (c *simConn) judge(m *simMessage) {
	r, asked := c.user.responds(), c.asks[m.subject]
	switch {
	case c.barred:
		m.denied = true
		return
	case c.user.publishes(m.subject):
	case r == nil || asked == 0:
		m.denied = true
		c.errsDue++
	case r.Max >= 0 || c.again:
		m.doubtful, m.answers = true, asked == 1 && !c.again && !c.answered[m.subject]
		m.extra = r.Max == 0 && !m.answers && !c.again
		c.errsMay++
	}
	c.answered[m.subject] = true
}

// certain reports whether a message is routed if it is handled. Of the first answer to a question that came
// once it is, when all that was sent to who answers has come.
func (m *simMessage) certain() bool {
	return !m.denied && (!m.doubtful || m.answers && m.from.reliable() && m.from.asks[m.subject] == 1)
}

// checkAnswers looks for answers beyond what allow_responses permits: a second one to a question that came once.
func (s *sim) checkAnswers() {
	for _, m := range s.messages {
		if m.extra && m.from.asks[m.subject] == 1 && m.from.reads() && m.taken+len(m.queues) > 0 {
			s.fail("message %d of connection %d on %s is a second answer", m.number, m.from.id, m.subject)
		}
	}
}

// hearErr judges what the broker complains of.
func (c *simConn) hearErr(line string) {
	switch {
	case strings.HasPrefix(line, "-ERR 'Permissions Violation"):
		if c.errs++; c.errs > c.errsDue+c.errsMay {
			c.fail("connection %d hears %s, and was denied %d to %d times", c.id, line, c.errsDue, c.errsDue+c.errsMay)
		}
	case line == "-ERR 'Authorization Violation'" && c.barred:
	case line == "-ERR 'Authentication Timeout'" && c.mayBeLate():
	case c.saidBad, c.tardy, c.reclaimed, !c.reads():
	default:
		c.fail("connection %d hears %s", c.id, line)
	}
}

// comeIn notes that the broker lets the connection in.
func (c *simConn) comeIn() {
	const slack = int64(time.Second) // of the timers, and of who waits for its turn
	late := c.clock - c.openedAt - int64(proto.DefaultAuthTimeout)
	switch {
	case c.stranger:
		c.fail("connection %d, which may not come in, is let in", c.id)
	case !c.in && len(c.users) > 0 && late > slack:
		c.fail("connection %d came in %v after the timeout", c.id, time.Duration(late))
	}
	c.in = true
}

// mayBeLate reports whether the connection may not have proved in time who it is.
func (c *simConn) mayBeLate() bool {
	return len(c.users) > 0 && !c.in && c.clock-c.dialedAt >= int64(proto.DefaultAuthTimeout)
}

func TestSimulatedRules(t *testing.T) {
	u := &simUser{}
	u.Permissions = &config.Permissions{Subscribe: config.Subjects{Allow: []string{"a.*", "b.> q1"}, Deny: []string{"a.x", "a.y q1"}}}
	for _, c := range []struct {
		subj, queue string
		may         bool
	}{
		{"a.b", "", true}, {"a.*", "", true}, {"a.>", "", false}, {"a", "", false}, {"a.x", "", false}, {"a.x", "q1", false},
		{"a.y", "", true}, {"a.y", "q1", false}, {"b.b", "", false}, {"b.b", "q1", true}, {"b.b", "q2", false}, {"a.b", "q2", true},
	} {
		if got := u.subscribes(c.subj, c.queue); got != c.may {
			t.Errorf("%s %s: %v", c.subj, c.queue, got)
		}
	}
}
