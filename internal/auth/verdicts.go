package auth

import "hash/maphash"

const (
	verdictWays = 4   // places where an answer may stand
	verdictSets = 512 // of so many places; a power of two

	// verdictSubjectMax is the longest subject that is remembered: longer ones are rare.
	verdictSubjectMax = 128
)

// question is what was asked about a subject.
type question uint8

const (
	publishes question = iota
	receives
)

// Verdicts are the answers one loop remembers, for all its users together: what they take does not grow with
// users or subjects. A subject may stand in four places; when all are taken the first that was not
// found since the last time goes. Only its loop may use them.
type Verdicts struct {
	seed   maphash.Seed
	hand   int // the place looked at last, shared by all sets
	hashes [verdictSets][verdictWays]uint64
	places [verdictSets][verdictWays]verdict
}

// A verdict is one answer. Its subject's room is reused.
type verdict struct {
	of      *Permissions
	subject []byte
	asked   question
	allowed bool
	recent  bool // found since the hand last passed
}

// NewVerdicts returns what remembers nothing yet.
func NewVerdicts() *Verdicts { return &Verdicts{seed: maphash.MakeSeed()} }

// MayPublish says whether the user may publish to a subject whatever it was asked.
func (v *Verdicts) MayPublish(p *Permissions, subj []byte) bool {
	if !p.limitsPublish() {
		return true
	}
	return v.ask(p, publishes, subj)
}

// MayReceive says whether a message may be delivered to a subscription that the user was allowed, in the
// queue group or outside (empty).
func (v *Verdicts) MayReceive(p *Permissions, subj []byte, queue string) bool {
	if queue != "" { // few messages, and one more part to compare
		return p.mayReceive(subj, queue)
	}
	return v.ask(p, receives, subj)
}

func (p *Permissions) answer(q question, subj []byte) bool {
	if q == publishes {
		return p.mayPublish(subj)
	}
	return p.mayReceive(subj, "")
}

func (v *Verdicts) ask(p *Permissions, q question, subj []byte) bool {
	if len(subj) > verdictSubjectMax {
		return p.answer(q, subj)
	}
	hash := maphash.Bytes(v.seed, subj) ^ (p.id<<1+uint64(q))*0x9E3779B97F4A7C15
	set := int(hash) & (verdictSets - 1)
	for way, h := range &v.hashes[set] {
		if h != hash {
			continue
		}
		if e := &v.places[set][way]; e.of == p && e.asked == q && string(e.subject) == string(subj) {
			e.recent = true
			return e.allowed
		}
	}
	way := v.victim(set)
	v.hashes[set][way] = hash
	e := &v.places[set][way]
	e.of, e.asked, e.subject, e.recent = p, q, append(e.subject[:0], subj...), false
	e.allowed = p.answer(q, subj)
	return e.allowed
}

// victim chooses the place of a set where a new answer goes.
func (v *Verdicts) victim(set int) int {
	places := &v.places[set]
	for way := range places {
		if places[way].of == nil {
			return way
		}
	}
	for {
		v.hand = (v.hand + 1) % verdictWays
		if e := &places[v.hand]; !e.recent {
			return v.hand
		}
		places[v.hand].recent = false
	}
}
