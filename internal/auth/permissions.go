package auth

import (
	"crypto/sha256"
	"fmt"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/subject"
)

const (
	// responsesMax and responsesExpire hold where allow_responses says nothing; nats-server's.
	responsesMax    = 1
	responsesExpire = 2 * time.Minute
)

// Permissions are what a user may publish and subscribe to. They never change: any goroutine may
// ask.
type Permissions struct {
	id        uint64            // different in each of an authority, and of the one before
	text      [sha256.Size]byte // digest of how they are written
	publish   subjects
	subscribe subjects
	responses *Responses
}

// Responses say how a user may answer: to each reply subject it was delivered, so often and for so long.
type Responses struct {
	Max     int           // not positive: any number
	Expires time.Duration // not positive: for ever
}

// subjects are what is allowed and what is denied of it.
type subjects struct {
	limited bool // allow is a list; without one all is allowed
	allow   *tree
	deny    *tree
}

func newPermissions(c *config.Permissions, id uint64) (*Permissions, error) {
	if c == nil {
		return nil, nil
	}
	p := &Permissions{id: id}
	var err error
	if p.publish, err = newSubjects(c.Publish, false); err != nil {
		return nil, fmt.Errorf("publish: %w", err)
	}
	if p.subscribe, err = newSubjects(c.Subscribe, true); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	if c.Responses != nil {
		p.publish.limited = true // who may answer may publish nothing else, unless it is allowed
		p.responses = &Responses{Max: c.Responses.Max, Expires: c.Responses.Expires}
		if p.responses.Max == 0 {
			p.responses.Max = responsesMax
		}
		if p.responses.Expires == 0 {
			p.responses.Expires = responsesExpire
		}
	}
	return p, nil
}

// writing is the digest of all that is written: equal ones mean the same.
func writing(c *config.Permissions) [sha256.Size]byte {
	text := fmt.Appendf(nil, "%#v %#v", c.Publish, c.Subscribe)
	if c.Responses != nil {
		text = fmt.Appendf(text, " %#v", *c.Responses)
	}
	return sha256.Sum256(text)
}

func newSubjects(c config.Subjects, queues bool) (s subjects, err error) {
	s.limited = c.Allow != nil
	if s.allow, err = newTree(c.Allow, queues); err != nil {
		return s, fmt.Errorf("allow: %w", err)
	}
	if s.deny, err = newTree(c.Deny, queues); err != nil {
		return s, fmt.Errorf("deny: %w", err)
	}
	return s, nil
}

// Responses is how the user may answer, nil if that gives it nothing.
func (p *Permissions) Responses() *Responses { return p.responses }

// mayPublish looks the subject up. Responses are not asked: they are each session's own.
func (p *Permissions) mayPublish(subj []byte) bool {
	if p.publish.limited && (p.publish.allow == nil || !p.publish.allow.match(subj, "").plain) {
		return false
	}
	return p.publish.deny == nil || !p.publish.deny.match(subj, "").plain
}

// limitsPublish reports whether there is anything the user may not publish.
func (p *Permissions) limitsPublish() bool { return p.publish.limited || p.publish.deny != nil }

// MaySubscribe says whether the user may subscribe to a pattern, in a queue group or outside (empty).
// What is allowed for no queue is allowed for each, unless queues are named for that subject. A denial
// without a queue holds for all, one with a queue for that one; a pattern wider than a denial
// is allowed, and its messages are filtered: see Filters.
func (p *Permissions) MaySubscribe(pattern []byte, queue string) bool {
	if p.subscribe.limited {
		var h hits
		if p.subscribe.allow != nil {
			h = p.subscribe.allow.contain(pattern, queue)
		}
		allowed := h.plain
		if queue != "" && h.queued {
			allowed = h.named
		}
		if !allowed {
			return false
		}
	}
	return p.mayReceive(pattern, queue)
}

// Filters says whether messages of a subscription to pattern have to be asked about, one by one.
func (p *Permissions) Filters(pattern []byte) bool {
	return p.subscribe.deny != nil && !subject.IsLiteral(pattern) && p.subscribe.deny.overlaps(pattern)
}

// mayReceive says whether a message is denied to a subscription in the queue group, or outside (empty).
func (p *Permissions) mayReceive(subj []byte, queue string) bool {
	if p.subscribe.deny == nil {
		return true
	}
	h := p.subscribe.deny.match(subj, queue)
	return !h.plain && (queue == "" || !h.named)
}
