package differential

// Whether what gnatsd-ev answered is what nats-server's answer allows.

import (
	"fmt"
	"slices"
	"strings"
)

// A comparison is what came of comparing two outcomes.
type comparison struct {
	equal bool
	where string // of the first difference
}

// compare says whether ours is what nats-server's outcome allows.
func compare(p *plan, theirs, ours *outcome) comparison {
	var c comparison
	for i := range theirs.peers {
		t, o := theirs.peers[i], ours.peers[i]
		if p.repeats[i] {
			t = withoutRepeats(t, o)
		}
		if slices.Equal(t, o) {
			continue
		}
		c.where = fmt.Sprintf("connection %s\n%s", peerName(i), firstDifference(t, o))
		return c
	}
	if !slices.Equal(theirs.queued, ours.queued) {
		c.where = "what reached queue groups\n" + firstDifference(theirs.queued, ours.queued)
		return c
	}
	c.equal = true
	return c
}

// repeated is what nats-server may say again by the row pedantic.
const repeated = "-ERR 'Invalid Publish Subject'"

// withoutRepeats returns theirs without those repeats that ours does not have.
func withoutRepeats(theirs, ours []string) []string {
	var kept []string
	for i, line := range theirs {
		at := len(kept)
		if i > 0 && line == repeated && theirs[i-1] == repeated && (at >= len(ours) || ours[at] != repeated) {
			continue
		}
		kept = append(kept, line)
	}
	return kept
}

// firstDifference shows where two lists of lines part.
func firstDifference(theirs, ours []string) string {
	at := 0
	for at < len(theirs) && at < len(ours) && theirs[at] == ours[at] {
		at++
	}
	var out strings.Builder
	for _, line := range theirs[max(0, at-2):at] {
		fmt.Fprintf(&out, "  both         %s\n", line)
	}
	for _, line := range theirs[at:min(len(theirs), at+4)] {
		fmt.Fprintf(&out, "  nats-server  %s\n", line)
	}
	for _, line := range ours[at:min(len(ours), at+4)] {
		fmt.Fprintf(&out, "  gnatsd-ev    %s\n", line)
	}
	return out.String()
}

// passedOn says whether outcomes differ by the row passed-on alone: a request or
// a queue message whose takers on another loop had just reached their maximum, or must not have it.
// Then its 503 may come later, if the connection lives so long, or a member that
// joined meanwhile got it; by then the connection may listen for an answer for which it did not when it
// asked.
func passedOn(p *plan, theirs, ours *outcome) bool {
	if !p.maxima() && p.realm == nil {
		return false
	}
	taken, ok := surplus(ours.queued, theirs.queued)
	if !ok {
		return false
	}
	for i := range theirs.peers {
		tRest, tLate := split503(theirs.peers[i])
		oRest, oLate := split503(ours.peers[i])
		if p.repeats[i] {
			tRest = withoutRepeats(tRest, oRest)
		}
		missing, more := apart(tLate, oLate)
		wrong := func(line string) bool { return ours.delivered(line) || p.realm == nil && slices.Contains(tLate, line) }
		if !slices.Equal(tRest, oRest) || slices.ContainsFunc(more, wrong) {
			return false
		}
		if last := ours.peers[i]; last[len(last)-1] != endOpen || p.streams[i].further {
			continue // the connection has ended, or dropped its inbox, before its 503 came
		}
		for _, line := range missing {
			_, subject, _ := strings.Cut(line, "Nats-Subject: ")
			subject, _, _ = strings.Cut(subject, `\r`)
			if !slices.ContainsFunc(taken, func(m string) bool { return strings.Contains(m, ": "+subject+" ") }) {
				return false
			}
		}
	}
	return true
}

// maxima says whether the script gave any subscription a maximum.
func (p *plan) maxima() bool {
	return slices.ContainsFunc(p.streams, func(s *stream) bool { return s.maximum })
}

// split503 takes the 503s out of what a connection got.
func split503(lines []string) (rest, late []string) {
	for _, line := range lines {
		if strings.HasPrefix(line, "HMSG ") && strings.Contains(line, `| NATS/1.0 503\r\nNats-Subject: `) {
			late = append(late, line)
		} else {
			rest = append(rest, line)
		}
	}
	return rest, late
}

// apart returns what each of two lists has that the other has not.
func apart(a, b []string) (onlyA, onlyB []string) {
	onlyA = slices.Clone(a)
	for _, line := range b {
		if at := slices.Index(onlyA, line); at >= 0 {
			onlyA = slices.Delete(onlyA, at, at+1)
		} else {
			onlyB = append(onlyB, line)
		}
	}
	return onlyA, onlyB
}

// delivered says whether somebody got the request that a 503 is about, so that it must not be there.
func (o *outcome) delivered(line string) bool {
	_, subject, _ := strings.Cut(line, "Nats-Subject: ")
	subject, _, _ = strings.Cut(subject, `\r`)
	reply := strings.Fields(line)[1]
	for _, lines := range o.peers {
		for _, l := range lines {
			if f := strings.Fields(l); len(f) > 3 && strings.HasSuffix(f[0], "MSG") && f[1] == subject && f[3] == reply {
				return true
			}
		}
	}
	return slices.ContainsFunc(o.queued, func(m string) bool { return strings.Contains(m, ": "+subject+" "+reply+" ") })
}

// surplus returns what more has that less has not; ok is false if less has something
// that more has not.
func surplus(more, less []string) (rest []string, ok bool) {
	rest = slices.Clone(more)
	for _, line := range less {
		at := slices.Index(rest, line)
		if at < 0 {
			return nil, false
		}
		rest = slices.Delete(rest, at, at+1)
	}
	return rest, true
}
