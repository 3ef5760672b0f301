package config

import (
	"math"
	"strings"
	"time"

	"gnatsd-ev/internal/subject"
)

// The defaults of allow_responses, nats-server's.
const (
	defaultResponsesMax     = 1
	defaultResponsesExpires = 2 * time.Minute
)

// permissions reads what a user may publish and subscribe to.
func (r *reader) permissions(e entry) *Permissions {
	p := new(Permissions)
	r.block(e, []field{
		{"publish pub import", func(e entry) { p.Publish = r.subjects(e, false) }},
		{"subscribe sub export", func(e entry) { p.Subscribe = r.subjects(e, true) }},
		{"allow_responses publish_allow_responses", func(e entry) { p.Responses = r.responses(e) }},
	})
	if p.Responses != nil && p.Publish.Allow == nil {
		p.Publish.Allow = []string{} // replies are all that may be published then
	}
	return p
}

// subjects reads a subject, a list of them, or a block of what is allowed and denied.
func (r *reader) subjects(e entry, queues bool) Subjects {
	if _, ok := e.value.(map[string]any); !ok {
		return Subjects{Allow: r.patterns(e, queues)}
	}
	var s Subjects
	r.block(e, []field{
		{"allow", func(e entry) { s.Allow = r.patterns(e, queues) }},
		{"deny", func(e entry) {
			if list, ok := e.value.([]any); !ok || len(list) > 0 {
				s.Deny = r.patterns(e, queues)
			}
		}},
	})
	return s
}

// patterns reads subjects, with a queue behind each if queues are allowed there.
func (r *reader) patterns(e entry, queues bool) []string {
	var all []string
	for _, one := range r.filled(e, "that everything is allowed") {
		s, ok := one.value.(string)
		if !ok {
			r.mistyped(one, "a subject or a list of subjects")
			continue
		}
		words := strings.Fields(s)
		switch {
		case subject.ValidSubscription(s):
			all = append(all, s)
		case !queues || len(words) != 2:
			r.add(one.at, wrong, "subject %q is not a valid subject", s)
		case !subject.ValidSubscription(words[0]):
			r.add(one.at, wrong, "subject %q is not a valid subject", words[0])
		case !subject.ValidSubscription(words[1]):
			r.add(one.at, wrong, "queue %q is not a valid queue", words[1])
		default:
			all = append(all, words[0]+" "+words[1])
		}
	}
	return all
}

// responses reads whether, how often and how long replies may be published.
func (r *reader) responses(e entry) *Responses {
	p := &Responses{Max: defaultResponsesMax, Expires: defaultResponsesExpires}
	if on, ok := e.value.(bool); ok {
		if !on {
			return nil
		}
		return p
	}
	if _, ok := e.value.(map[string]any); !ok {
		r.mistyped(e, "true, false or a block with max and expires")
		return nil
	}
	r.block(e, []field{
		{"max max_msgs max_messages max_responses", func(e entry) {
			switch n, ok := e.value.(int64); {
			case !ok:
				r.mistyped(e, wantNumber.String())
			case n > math.MaxInt32:
				r.add(e.at, wrong, "%s %d: allowed is 1 to %d, or a negative number for any", e.key, n, math.MaxInt32)
			case n != 0:
				p.Max = int(max(n, -1))
			}
		}},
		{"expires expiration ttl", func(e entry) {
			s, ok := e.value.(string)
			if !ok {
				r.mistyped(e, wantDuration.String())
				return
			}
			d, err := time.ParseDuration(s)
			if err != nil {
				r.add(e.at, wrong, "%s %q: %v", e.key, s, errNotDuration)
			} else if d != 0 {
				p.Expires = d
			}
		}},
	})
	return p
}
