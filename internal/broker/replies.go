package broker

import (
	"gnatsd-ev/internal/age"
	"gnatsd-ev/internal/auth"
)

// repliesMax is how many reply subjects a session is owed at most; beyond it the oldest goes. A service
// that answers ten thousand requests late by a second still answers all.
const repliesMax = 16 << 10

// replies are the subjects that allow_responses lets a session publish to, each for some time and so often. All
// live equally long, so the oldest ends first.
type replies struct {
	limits    auth.Responses
	bySubject map[string]*reply
	byAge     age.List[reply]
}

type reply struct {
	subject string
	at      int64 // when it was delivered
	used    int
	age     age.Entry[reply]
}

// use reports whether the session may publish to a subject because it was delivered as a reply.
func (t *replies) use(subj []byte, now int64) bool {
	r := t.bySubject[string(subj)]
	if r == nil {
		return false
	}
	if t.over(r, now) {
		t.remove(r)
		return false
	}
	r.used++
	if t.limits.Max > 0 && r.used >= t.limits.Max {
		t.remove(r)
	}
	return true
}

// add notes a reply subject that is not among them.
func (t *replies) add(subj []byte, now int64) {
	for r := t.byAge.Oldest().Of(); r != nil && (t.over(r, now) || len(t.bySubject) >= repliesMax); r = t.byAge.Oldest().Of() {
		t.remove(r)
	}
	if t.bySubject == nil {
		t.bySubject = map[string]*reply{}
	}
	r := &reply{subject: string(subj), at: now}
	t.byAge.Add(&r.age, r)
	t.bySubject[r.subject] = r
}

func (t *replies) over(r *reply, now int64) bool {
	return t.limits.Expires > 0 && now-r.at > int64(t.limits.Expires)
}

func (t *replies) remove(r *reply) {
	delete(t.bySubject, r.subject)
	t.byAge.Remove(&r.age)
}
