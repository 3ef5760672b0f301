package chaos

import (
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
)

// T47: SIGTERM in the middle of traffic: who was told by a PONG that a message is routed has
// readers who get it before their connections end, in order, and the exit code is 0.
func TestSigtermDeliversWhatWasConfirmed(t *testing.T) {
	members, rounds := Scale(50, 1000), Scale(1, 5)
	onEach(t, []Setting{{}, {Loops: 1}, {Loops: 4}}, func(t *testing.T, s Setting) {
		var delivered, lost, confirmed uint64
		var took time.Duration
		for range rounds {
			d, l, c, w := terminate(t, s, members)
			delivered, lost, confirmed, took = delivered+d, lost+l, confirmed+c, max(took, w)
		}
		Report(t, "T47", "SIGTERM in the middle of traffic: what was confirmed is delivered, exit 0", s.Name(), Figures{
			"subscribers": members, "rounds": rounds, "confirmed": confirmed, "delivered": delivered, "lost": lost, "exit_after_ms_worst": took.Milliseconds(),
		})
	})
}

// terminate returns what was delivered, and lost of the messages that were confirmed.
func terminate(t *testing.T, s Setting, members int) (delivered, lost, confirmed uint64, took time.Duration) {
	t.Helper()
	b := Start(t, s)
	crowd := NewSwarm(t, b.Address())
	crowd.Join(t, members, Subscription{Subject: "end", From: []uint16{1}})
	from := NewPublisher(t, b.Address(), 1)
	down := make(chan struct{})
	go func() { // ends with the broker
		defer close(down)
		for {
			for range 10 {
				if from.Publish("end", 200) != nil {
					return
				}
			}
			if from.Barrier() != nil {
				return
			}
			confirmed = from.Sent()
		}
	}()
	await(t, "traffic", Patience, func() bool { return crowd.Tally().Delivered > uint64(20*members) })
	start := time.Now()
	if err := b.Stop(); err != nil { // SIGTERM, and exit 0
		t.Error(err)
	}
	took = time.Since(start)
	<-down
	await(t, "the end of all connections", Patience, func() bool { return crowd.Tally().Ended == members })
	tally := crowd.Tally()
	for i, got := range crowd.Got() {
		if got < confirmed {
			t.Errorf("member %d got %d of %d confirmed", i, got, confirmed)
			lost += confirmed - got
		}
	}
	if tally.Wrong() > 0 {
		t.Errorf("%v", tally)
	}
	return tally.Delivered, lost, confirmed, took
}

// T44: a broker built with the race detector and its invariants, under a hundred SIGHUPs a second, traffic,
// and clients that come and go: no race, nothing lost, exit 0.
func TestNoRacesUnderSignals(t *testing.T) {
	length := Scale(2*time.Second, 30*time.Second)
	binary := buildRace(t)
	t.Setenv(binaryVariable, binary)
	onEach(t, []Setting{{Loops: 4}}, func(t *testing.T, s Setting) {
		b := Start(t, s)
		crowd, from := NewSwarm(t, b.Address()), NewPublisher(t, b.Address(), 1)
		crowd.Join(t, 50, Subscription{Subject: "race.>", From: []uint16{1}})
		end := publishing(t, from, Plan{Subject: Always("race.a"), Size: Rarely(20, Between(StampSize, 64<<10), Between(StampSize, 512)), Rate: 300})
		tick, signals := time.NewTicker(10*time.Millisecond), 0
		defer tick.Stop()
		for start := time.Now(); time.Since(start) < length; signals++ {
			<-tick.C
			b.Signal(t, syscall.SIGHUP)
			if signals%10 == 0 {
				guests := NewSwarm(t, b.Address())
				guests.Join(t, 5, Subscription{Subject: "race.*", From: []uint16{1}, Joins: true})
				guests.Leave(0, 5, signals%20 == 0)
				guests.Close()
			}
		}
		end()
		crowd.Settle(t)
		crowd.MustHaveAll(t, "who stayed", from)
		if err := b.Stop(); err != nil {
			t.Error(err)
		}
		races := strings.Count(b.Output(), "DATA RACE")
		if races > 0 {
			t.Errorf("%d races:\n%s", races, b.Output())
		}
		Report(t, "T44", "race detector, a hundred SIGHUPs a second, clients that come and go: no race, nothing lost", s.Name(), Figures{
			"seconds": length.Seconds(), "signals": signals, "delivered": crowd.Tally().Delivered, "races": races,
			"lost": crowd.Missing(1, from.Sent()) + crowd.Tally().Wrong(),
		})
	})
}

// buildRace builds the broker with the race detector and its invariants.
func buildRace(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "gnatsd-ev").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CGO_ENABLED", "1")
	path, err := candidate.Build(t.TempDir(), strings.TrimSpace(string(root)), "gnatsd-ev", "./cmd/gnatsd-ev", "-race", "-tags", "invariants")
	if err != nil {
		t.Skipf("the race detector is not here: %v", err)
	}
	return filepath.Clean(path)
}
