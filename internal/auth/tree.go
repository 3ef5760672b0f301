package auth

import (
	"fmt"
	"strings"

	"gnatsd-ev/internal/subject"
)

// A tree is patterns of subjects, each for everybody or for some queue names. It never changes
// once it is built.
type tree struct{ root node }

// A node is what follows some tokens. Patterns end at it, or with > behind it.
type node struct {
	next map[string]*node
	star *node // the wildcard for one token
	here end
	rest end // patterns that end with >
}

// An end is what patterns that end at one place are for.
type end struct {
	plain  bool     // one named no queue
	queues []string // the queue names of the others, which may be patterns
}

// newTree builds the tree of some patterns; it is nil if there are none.
func newTree(patterns []string, queues bool) (*tree, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	t := &tree{}
	for _, p := range patterns {
		fields := strings.Fields(p)
		if len(fields) < 1 || len(fields) > 2 || len(fields) == 2 && !queues {
			return nil, fmt.Errorf("%q is no subject", p)
		}
		for _, f := range fields {
			if !subject.ValidSubscription(f) {
				return nil, fmt.Errorf("%q is no subject", p)
			}
		}
		t.add(fields[0], strings.Join(fields[1:], ""))
	}
	return t, nil
}

func (t *tree) add(pattern, queue string) {
	n := &t.root
	tokens := strings.Split(pattern, ".")
	at := &n.here
	for _, token := range tokens {
		switch token {
		case ">":
			at = &n.rest
			continue
		case "*":
			if n.star == nil {
				n.star = &node{}
			}
			n = n.star
		default:
			if n.next == nil {
				n.next = map[string]*node{}
			}
			if n.next[token] == nil {
				n.next[token] = &node{}
			}
			n = n.next[token]
		}
		at = &n.here
	}
	if queue == "" {
		at.plain = true
	} else {
		at.queues = append(at.queues, queue)
	}
}

// hits is what patterns of a tree say of one subject.
type hits struct {
	plain  bool // a pattern without a queue matches
	queued bool // one with a queue does
	named  bool // and its queue is the one that is asked for
}

// match finds the patterns that match a subject in which every byte stands for itself, as nats-server's
// Sublist.Match does.
func (t *tree) match(subj []byte, queue string) (h hits) {
	if subject.WellFormed(subj) {
		t.root.match(subj, queue, false, &h)
	}
	return h
}

// contain finds the patterns that match whatever a subscription to subj does. In nats-server a * also
// contains a > of the subscription; here it does not, as who may have foo.* must not get foo.a.b.
func (t *tree) contain(subj []byte, queue string) (h hits) {
	if subject.WellFormed(subj) {
		t.root.match(subj, queue, true, &h)
	}
	return h
}

func (n *node) match(rest []byte, queue string, strict bool, h *hits) {
	for n != nil {
		h.add(&n.rest, queue)
		token, behind := cut(rest)
		if n.star != nil && !(strict && string(token) == ">") {
			if behind == nil {
				h.add(&n.star.here, queue)
			} else {
				n.star.match(behind, queue, strict, h)
			}
		}
		n = n.next[string(token)]
		if behind == nil {
			if n != nil {
				h.add(&n.here, queue)
			}
			return
		}
		rest = behind
	}
}

// cut returns the first token, and what is behind its dot or nil.
func cut(subj []byte) (token, behind []byte) {
	for i, c := range subj {
		if c == '.' {
			return subj[:i], subj[i+1:]
		}
	}
	return subj, nil
}

func (h *hits) add(e *end, queue string) {
	h.plain = h.plain || e.plain
	h.queued = h.queued || len(e.queues) > 0
	if queue == "" || h.named {
		return
	}
	for _, q := range e.queues {
		if q == queue || !subject.IsLiteral(q) && covers(q, queue) {
			h.named = true
			return
		}
	}
}

// covers reports whether a pattern of queue names matches all that a name, perhaps itself a pattern,
// stands for. Names may have empty tokens. It is nats-server's subjectIsSubsetMatch.
func covers(pattern, name string) bool {
	for {
		p, pBehind, pMore := strings.Cut(pattern, ".")
		n, nBehind, nMore := strings.Cut(name, ".")
		switch {
		case p == ">":
			return true
		case n == "" || n == ">" || n == "*" && p != "*" || p != "*" && p != n:
			return false
		case !pMore || !nMore:
			return pMore == nMore
		}
		pattern, name = pBehind, nBehind
	}
}

// overlaps reports whether some message could match both a pattern of the tree and subj, which
// may have wildcards.
func (t *tree) overlaps(subj []byte) bool { return t.root.overlaps(subj) }

func (n *node) overlaps(subj []byte) bool {
	if n.rest.any() {
		return true
	}
	token, behind := cut(subj)
	if string(token) == ">" {
		return n.star != nil || len(n.next) > 0
	}
	reach := func(child *node) bool {
		if child == nil {
			return false
		}
		return behind == nil && child.here.any() || behind != nil && child.overlaps(behind)
	}
	if reach(n.star) {
		return true
	}
	if string(token) != "*" {
		return reach(n.next[string(token)])
	}
	for _, child := range n.next {
		if reach(child) {
			return true
		}
	}
	return false
}

func (e *end) any() bool { return e.plain || len(e.queues) > 0 }
