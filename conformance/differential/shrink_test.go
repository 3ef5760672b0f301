package differential

import (
	"net"
	"slices"
	"strings"
	"testing"

	"gnatsd-ev/conformance/oracle"
	"gnatsd-ev/internal/transcript"
)

// A server that differs in one way is found out, and the script that shows it
// becomes small. Here it is a nats-server that allows subjects of three tokens.
func TestShrink(t *testing.T) {
	odd, err := oracle.Start(transcript.Options{"max_subscription_tokens": "3"}, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer odd.Stop()
	s := &Set{Oracle: set(Ordinary).Oracle, Ours: []*Server{{Name: "odd", Address: odd.Address()}}}
	defer s.Close()
	for seed := range uint64(400) {
		script := Generate(seed)
		if script.Class != Ordinary || len(newPlan(script).reached) > 0 { // the odd one is no gnatsd-ev
			continue
		}
		v, err := s.Judge(script)
		if err != nil {
			t.Fatal(err)
		}
		if v.Difference == "" {
			continue
		}
		small, v := s.Shrink(script, v)
		if v.Difference == "" || small.peers() > script.peers() {
			t.Fatalf("shrinking lost the difference: %+v", v)
		}
		text := small.Wire(v.theirs)
		if len(small.Steps) != 1 || !strings.Contains(strings.ToUpper(text), ">> SUB ") {
			t.Errorf("%d steps, want one SUB:\n%s", len(small.Steps), text)
		}
		return
	}
	t.Fatal("no script of 400 subscribed to four tokens")
}

// A script is printed as a transcript that plays: the one recorded from nats-server
// is what nats-server does.
func TestWire(t *testing.T) {
	played := 0
	for seed := uint64(1); played < 12; seed++ {
		script := Generate(seed)
		if p := newPlan(script); p.realm != nil || len(p.reached) > 0 || leavesFree(p) { // a transcript cannot sign a nonce
			continue
		}
		played++
		s := set(script.Class)
		v, err := s.Judge(script)
		s.Close()
		if err != nil || v.Difference != "" {
			t.Fatal(err, v)
		}
		replay(t, script, script.Wire(v.theirs))
	}
}

// leavesFree says whether a transcript of the script need not hold for another play:
// it has queue groups, connections that end while others go on, or volleys.
func leavesFree(p *plan) bool {
	for _, s := range p.streams {
		if len(s.queues) > 0 || s.dead {
			return true
		}
	}
	return slices.ContainsFunc(p.steps, func(st planned) bool { return st.kind != kindSend })
}

// replay plays a transcript on a nats-server of its own.
func replay(t *testing.T, script *Script, text string) {
	t.Helper()
	parsed, err := transcript.Parse("script", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	fresh, err := oracle.Start(script.Class.Options(), -1)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Stop()
	dial := func() (net.Conn, error) { return net.Dial("tcp", fresh.Address()) }
	if err := transcript.Play(t.Context(), dial, parsed, transcript.Whole()); err != nil {
		t.Errorf("seed %d: %v", script.Seed, err)
	}
}
