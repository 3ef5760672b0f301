package differential

// The servers of realms: started when a script asks for them, stopped when others are wanted.

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/conformance/oracle"
	"gnatsd-ev/internal/transcript"
)

// kingdom is all realms that run.
var kingdom = kingdomOf{running: map[uint64]*reign{}}

type kingdomOf struct {
	binary, dir string

	// Under the mutex.
	mu      sync.Mutex
	running map[uint64]*reign
	begun   int
}

// A reign is the servers of one realm.
type reign struct {
	servers Set
	stops   []func()
	guests  int
}

// enter returns the servers of a realm with observers of their own, and what ends that.
func (k *kingdomOf) enter(r *realm) (*Set, func(), error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.running[r.number]
	if now == nil {
		for number, old := range k.running {
			if old.guests == 0 {
				old.end()
				delete(k.running, number)
			}
		}
		k.begun++
		var err error
		if now, err = k.begin(r); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", r.config, err)
		}
		k.running[r.number] = now
	}
	now.guests++
	s := &Set{Oracle: &Server{Name: now.servers.Oracle.Name, Address: now.servers.Oracle.Address, Oracle: true, Observer: r.observer}}
	for _, o := range now.servers.Ours {
		s.Ours = append(s.Ours, &Server{Name: o.Name, Address: o.Address, Loops: o.Loops, Observer: r.observer})
	}
	return s, func() {
		s.Close()
		k.mu.Lock()
		defer k.mu.Unlock()
		now.guests--
	}, nil
}

// serversOf returns the servers of a script, and what ends that.
func serversOf(script *Script) (*Set, func(), error) {
	if r := script.realm(); r != nil {
		return kingdom.enter(r)
	}
	s := set(script.Class)
	return s, s.Close, nil
}

// begin starts the servers.
func (k *kingdomOf) begin(r *realm) (*reign, error) {
	options := transcript.Options{transcript.ConfigOption: r.config}
	real, err := oracle.Start(options, -1)
	if err != nil {
		return nil, err
	}
	now := &reign{servers: Set{Oracle: &Server{Name: "nats-server", Address: real.Address()}}, stops: []func(){real.Stop}}
	for _, loops := range loopCounts {
		dir := filepath.Join(k.dir, fmt.Sprintf("realm-%d-%d-%d", r.number, loops, k.begun))
		if err := os.Mkdir(dir, 0o755); err != nil {
			return now, err
		}
		p, err := candidate.Start(k.binary, dir, candidate.Setting{Options: options, Loops: loops})
		if err != nil {
			now.end()
			return nil, err
		}
		now.stops = append(now.stops, func() { p.Stop() })
		now.servers.Ours = append(now.servers.Ours, &Server{Name: fmt.Sprintf("gnatsd-ev with %d loops", loops), Address: p.Address(), Loops: loops})
	}
	return now, nil
}

func (n *reign) end() {
	for _, stop := range n.stops {
		stop()
	}
}

// end stops all servers.
func (k *kingdomOf) end() {
	for _, r := range k.running {
		r.end()
	}
}

// Realms differ, and their scripts come to what they are for: who comes in and who does not, by all the ways there are.
func TestRealms(t *testing.T) {
	seen := map[string]int{}
	for number := range uint64(150) {
		r := realmOf(number)
		if newRealm(number).observer != r.observer {
			t.Errorf("realm %d is made in two ways", number)
		}
		for i := range r.users {
			u := &r.users[i]
			for what, is := range map[string]bool{
				"token": u.token != "", "key": u.key != nil, "hash": u.hashed, "barred": u.barred, "anonymous": r.anonymous == u, "anonymous key": r.anonymous == u && u.key != nil, "anonymous barred": r.anonymous == u && u.barred, "anonymous hash": r.anonymous == u && u.hashed,
			} {
				if is {
					seen[what]++
				}
			}
		}
	}
	for seed := range uint64(2000) {
		script := Generate(seed)
		if script.Class != Guarded {
			continue
		}
		for _, s := range newPlan(script).streams {
			switch {
			case s.dead:
				seen["out"]++
			case s.nameless:
				seen["nameless"]++
			default:
				seen["in"]++
			}
		}
	}
	t.Log(seen)
	for _, what := range []string{"token", "key", "hash", "barred", "anonymous", "anonymous key", "anonymous barred", "anonymous hash", "out", "nameless", "in"} {
		if seen[what] == 0 {
			t.Errorf("no %s", what)
		}
	}
}

// A further CONNECT deviates where it has a part of the credentials and nats-server takes the rest from the first, and not
// elsewhere.
func TestSecondConnectIsNarrow(t *testing.T) {
	r := &realm{users: []realmUser{{name: "u0", password: "free"}, {name: "u1", password: "free"}}}
	for fields, want := range map[string]int{
		`"verbose":true`: 0, `"jwt":"x"`: 0, `"user":"u0","pass":"free"`: 0, `"user":"u1","pass":"free"`: 0, `"user":"u1","pass":"x"`: 0,
		`"user":"u1"`: 1, `"pass":"x"`: 1, `"auth_token":"x"`: 1, `"user":"u1","auth_token":"x"`: 1,
	} {
		s := newStream(Ordinary.limits(), r)
		first := s.feed([]byte(`CONNECT {"user":"u0","pass":"free"}` + "\r\n"))
		again := s.feed([]byte("CONNECT {" + fields + "}\r\n"))
		if len(first.reached) > 0 || len(again.reached) != want {
			t.Errorf("%s: %q and then %q", fields, first.reached, again.reached)
		}
	}
}
