package differential

// The judge: one script, nats-server, and each gnatsd-ev.

import (
	"fmt"
	"maps"
	"sync"
)

// freeReplays is how often nats-server is asked again before an outcome that it did
// not have the first time counts as a difference.
const freeReplays = 25

// A Set is the servers that scripts of one class are played on.
type Set struct {
	// Oracle is nats-server.
	Oracle *Server
	// Ours are the gnatsd-ev to compare with it.
	Ours []*Server
}

// Close ends the observers.
func (s *Set) Close() {
	s.Oracle.Close()
	for _, o := range s.Ours {
		o.Close()
	}
}

// A Verdict is what came of a script.
type Verdict struct {
	// Difference tells what is wrong, "" if nothing is.
	Difference string
	// Name is that of the server which differs.
	Name string
	// Free counts the servers whose outcome nats-server had at a later try only.
	Free int
	// Reached counts the deviations that occurred, by id.
	Reached map[string]int
	// Frames counts what gnatsd-ev sent.
	Frames int

	theirs []log
}

// Judge plays a script on all servers and compares. Its error is about the
// machine.
func (s *Set) Judge(script *Script) (*Verdict, error) {
	p := newPlan(script)
	logs, err := s.playAll(p)
	if err != nil {
		return nil, err
	}
	v := &Verdict{Reached: maps.Clone(p.reached), theirs: logs[0]}
	theirs := newOutcome(p, logs[0])
	for i, server := range s.Ours {
		v.count(logs[i+1])
		if fault := faults(p, logs[i+1]); fault != "" {
			v.Name, v.Difference = server.Name, fault
			return v, nil
		}
		ours := newOutcome(p, logs[i+1])
		if ours.infos > 0 {
			v.Reached[deviationInfo]++
		}
		if ours.inbox > 0 {
			v.Reached[deviationInbox]++
		}
		c := compare(p, &theirs, &ours)
		if !c.equal && server.Loops > 1 && passedOn(p, &theirs, &ours) {
			c.equal = true
			v.Reached[deviationPassed]++
		}
		if !c.equal {
			where := c.where
			if c, err = s.again(p, &ours); err != nil {
				return nil, err
			}
			if !c.equal {
				v.Name, v.Difference = server.Name, where
				return v, nil
			}
			v.Free++
		}
	}
	return v, nil
}

// playAll plays on all servers at once and returns what they sent, nats-server
// first.
func (s *Set) playAll(p *plan) ([][]log, error) {
	servers := append([]*Server{s.Oracle}, s.Ours...)
	logs, errs := make([][]log, len(servers)), make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() { logs[i], errs[i] = play(p, server) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("the script could not be played: %w", err)
		}
	}
	return logs, nil
}

// again asks nats-server until it has the outcome ours.
func (s *Set) again(p *plan, ours *outcome) (c comparison, err error) {
	for range freeReplays {
		logs, err := play(p, s.Oracle)
		if err != nil {
			return c, err
		}
		theirs := newOutcome(p, logs)
		if c = compare(p, &theirs, ours); c.equal {
			break
		}
	}
	return c, nil
}

func (v *Verdict) count(logs []log) {
	for i := range logs {
		for _, part := range logs[i].parts {
			v.Frames += len(part)
		}
	}
}
