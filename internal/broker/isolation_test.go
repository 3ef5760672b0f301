package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gnatsd-ev/internal/config"
)

// Accounts against a naive model: whatever clients of several accounts subscribe to, publish and ask for under the
// same names, each gets what its account has for it and nothing else.

// A tenant is a client and what the model knows of it.
type tenant struct {
	*client
	account, number int
	ruled           bool
	subs            map[string]*interestIn // by sid

	// What must come in this round.
	want   map[string]int // deliveries outside of queue groups: "sid id"
	errors map[string]int
	alone  int // requests of its own that reach nobody
	due    int // frames, but for members of queue groups

	// What came.
	got     map[string]int // "sid id"
	refused map[string]int
	replies int
	came    int
}

// interestIn is one subscription of a tenant.
type interestIn struct {
	pattern, queue string
}

// rulesOf are what a user with rules may do in the tests of this file.
var isolationRules = config.Permissions{
	Publish:   config.Subjects{Deny: []string{"a.b", "c.>"}},
	Subscribe: config.Subjects{Deny: []string{"b.*", "a.c q"}},
}

func matchesNaively(pattern, subject string) bool {
	p, s := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range p {
		if token == ">" {
			return len(s) > i
		}
		if i >= len(s) || token != "*" && token != s[i] {
			return false
		}
	}
	return len(p) == len(s)
}

// mayPublishNaively and the other two are isolationRules, word by word.
func mayPublishNaively(subject string) bool {
	return subject != "a.b" && !strings.HasPrefix(subject, "c.")
}

func maySubscribeNaively(pattern, queue string) bool {
	inDenied := strings.HasPrefix(pattern, "b.") && strings.Count(pattern, ".") == 1 // nats-server denies b.> as well
	return !inDenied && !(pattern == "a.c" && queue == "q")
}

func mayReceiveNaively(subject, queue string) bool {
	return !matchesNaively("b.*", subject) && !(subject == "a.c" && queue == "q")
}

// A stage is one run of the test.
type stage struct {
	t        *testing.T
	r        *rig
	random   *rand.Rand
	accounts int
	tenants  []*tenant
	contests map[string][]string // "id queue": who may get it, "tenant sid"
	ids      int
}

// isolationOptions are accounts with a user without rules and one with rules each; the first two are $G and $SYS.
func isolationOptions(accounts int) func(*config.Options) {
	return func(o *config.Options) {
		for i := range accounts {
			name := nameOfAccount(i)
			if i > 0 {
				o.Accounts = append(o.Accounts, config.Account{Name: name, Limits: config.NoLimits()})
			} else {
				name = ""
			}
			o.Authorization.Users = append(o.Authorization.Users,
				config.User{Name: fmt.Sprintf("free%d", i), Password: "pw", Account: name},
				config.User{Name: fmt.Sprintf("ruled%d", i), Password: "pw", Account: name, Permissions: &isolationRules})
		}
	}
}

func nameOfAccount(i int) string { return []string{"$G", "$SYS", "A", "B", "C"}[i] }

func (a *tenant) connectLine() string {
	name := "free"
	if a.ruled {
		name = "ruled"
	}
	return as(name+strconv.Itoa(a.account), "pw")
}

func (a *tenant) inbox() string { return "inbox." + strconv.Itoa(a.number) }

// settle subscribes to where answers to the tenant go, under the same name in every account.
func (a *tenant) settle() {
	a.subs = map[string]*interestIn{"0": {pattern: a.inbox()}}
	a.send("SUB " + a.inbox() + " 0")
}

func (s *stage) subject(wild bool) string {
	if !wild && s.random.IntN(12) == 0 {
		return "inbox." + strconv.Itoa(s.random.IntN(4))
	}
	tokens := []string{"a", "b", "c"}
	if wild {
		tokens = append(tokens, "*")
	}
	var parts []string
	for range 1 + s.random.IntN(3) {
		parts = append(parts, tokens[s.random.IntN(len(tokens))])
	}
	if wild && s.random.IntN(5) == 0 {
		parts = append(parts, ">")
	}
	return strings.Join(parts, ".")
}

// change has a tenant subscribe, unsubscribe, or come in anew as somebody else.
func (s *stage) change(a *tenant) {
	sid := strconv.Itoa(1 + s.random.IntN(4))
	switch known := a.subs[sid]; {
	case s.random.IntN(40) == 0:
		a.account, a.ruled = s.random.IntN(s.accounts), s.random.IntN(3) == 0
		a.send(a.connectLine())
		a.settle()
	case known != nil:
		a.send("UNSUB " + sid)
		delete(a.subs, sid)
	default:
		sub := &interestIn{pattern: s.subject(true), queue: []string{"", "", "q", "r"}[s.random.IntN(4)]}
		a.send(strings.Join(strings.Fields("SUB "+sub.pattern+" "+sub.queue+" "+sid), " "))
		if !a.ruled || maySubscribeNaively(sub.pattern, sub.queue) {
			a.subs[sid] = sub
			return
		}
		using := ""
		if sub.queue != "" {
			using = fmt.Sprintf(" using queue %q", sub.queue)
		}
		a.errors[fmt.Sprintf(`-ERR 'Permissions Violation for Subscription to %q%s'`, sub.pattern, using)]++
		a.due++
	}
}

// publish has a tenant publish or ask, and notes what must come of it.
func (s *stage) publish(a *tenant) {
	subject := s.subject(false)
	s.ids++
	id := nameOfAccount(a.account) + "/" + strconv.Itoa(s.ids)
	asks := s.random.IntN(3) == 0
	if asks {
		a.send(request(subject, a.inbox(), id))
	} else {
		a.send(pub(subject, id))
	}
	if a.ruled && !mayPublishNaively(subject) {
		a.errors[fmt.Sprintf(`-ERR 'Permissions Violation for Publish to %q'`, subject)]++
		a.due++
		return
	}
	reached := false
	for at, b := range s.tenants {
		if b.account != a.account {
			continue
		}
		for sid, sub := range b.subs {
			if !matchesNaively(sub.pattern, subject) || b.ruled && !mayReceiveNaively(subject, sub.queue) {
				continue
			}
			reached = true
			if sub.queue == "" {
				b.want[sid+" "+id]++
				b.due++
				continue
			}
			key := id + " " + sub.queue
			s.contests[key] = append(s.contests[key], strconv.Itoa(at)+" "+sid)
		}
	}
	if asks && !reached {
		a.alone++
		a.due++
	}
}

// hear reads what came for a tenant up to the answer to a PING that was sent.
func (a *tenant) hear() {
	for {
		f := a.next("an answer to PING")
		switch {
		case f.verb == "PONG":
			return
		case f.verb == "MSG":
			a.got[f.sid+" "+string(f.payload)]++
		case f.verb == "HMSG" && strings.HasPrefix(string(f.header), "NATS/1.0 503"):
			a.replies++
		default:
			a.refused[f.text]++
		}
		a.came++
	}
}

// collect waits until all that is due has come, and once more.
func (s *stage) collect() {
	due, came := len(s.contests), 0
	for _, a := range s.tenants {
		due += a.due
	}
	for last, rounds := false, 0; !last; rounds++ {
		if rounds > 1_000 { // judge says what is missing
			s.t.Errorf("%d frames came, want %d", came, due)
			return
		}
		last = came >= due
		for _, a := range s.tenants {
			a.send("PING")
		}
		came = 0
		for _, a := range s.tenants {
			a.hear()
			came += a.came
		}
	}
}

// judge compares what came with what had to, and forgets both.
func (s *stage) judge() {
	for at, a := range s.tenants {
		for key, n := range a.got {
			sid, id, _ := strings.Cut(key, " ")
			if account, _, _ := strings.Cut(id, "/"); account != nameOfAccount(a.account) {
				s.t.Fatalf("a message of %s came to a client of %s", id, nameOfAccount(a.account))
			}
			sub := a.subs[sid]
			if sub == nil {
				s.t.Fatalf("a message came to sid %s, which is not subscribed", sid)
			}
			if sub.queue != "" {
				key := id + " " + sub.queue
				if n != 1 || !slices.Contains(s.contests[key], strconv.Itoa(at)+" "+sid) {
					s.t.Fatalf("message %s came %d times to sid %s, which may not have it, or another had it", id, n, sid)
				}
				delete(s.contests, key)
			} else if n != a.want[key] {
				s.t.Fatalf("message %s came %d times to sid %s, want %d", id, n, sid, a.want[key])
			}
			delete(a.want, key)
		}
		if len(a.want) > 0 || a.replies != a.alone || fmt.Sprint(a.refused) != fmt.Sprint(a.errors) {
			s.t.Fatalf("client %d of %s: %v did not come; %d times nobody, want %d; refused %v, want %v",
				a.number, nameOfAccount(a.account), a.want, a.replies, a.alone, a.refused, a.errors)
		}
		a.forget()
	}
	if len(s.contests) > 0 {
		s.t.Fatalf("no member got %v", s.contests)
	}
}

func (a *tenant) forget() {
	a.want, a.errors, a.got, a.refused = map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	a.alone, a.replies, a.due, a.came = 0, 0, 0, 0
}

func (s *stage) run(operations int) {
	for i := range 4 * s.accounts {
		a := &tenant{account: i % s.accounts, number: i / s.accounts, ruled: i%3 == 0}
		a.client = s.r.dial(fmt.Sprint("client ", i), a.connectLine())
		a.forget()
		a.settle()
		s.tenants = append(s.tenants, a)
	}
	for done := 0; done < operations; {
		for _, a := range s.tenants {
			for range s.random.IntN(3) {
				s.change(a)
				done++
			}
		}
		s.collect() // all loops know of all subscriptions
		s.judge()
		for range 2 + s.random.IntN(8) {
			for _, a := range s.tenants {
				s.publish(a)
				done++
			}
		}
		s.collect()
		s.judge()
	}
	for _, a := range s.tenants {
		a.conn.Close()
	}
	wantNothingHeld(s.t, s.r.Broker)
}

func TestAccountsAgainstModel(t *testing.T) {
	for seed := range uint64(scale(2, 4, 12)) {
		for _, loops := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("seed=%d/loops=%d", seed, loops), func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 35))
				accounts := 2 + random.IntN(4)
				s := &stage{t: t, r: start(t, loops, isolationOptions(accounts)), random: random, accounts: accounts, contests: map[string][]string{}}
				s.run(scale(1_000, 10_000, 100_000))
			})
		}
	}
}
