package auth

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gnatsd-ev/internal/config"
)

// The naive twin: the rules as they are told, one pattern after the other, token by token.
type twin struct{ config.Permissions }

func tokensOf(s string) []string { return strings.Split(s, ".") }

// twinMatch is whether a pattern matches a subject whose bytes stand for themselves.
func twinMatch(pattern, subj string, strict bool) bool {
	p, s := tokensOf(pattern), tokensOf(subj)
	for _, t := range s {
		if t == "" {
			return false
		}
	}
	for i, t := range p {
		if t == ">" {
			return len(s) > i
		}
		if i >= len(s) || t != "*" && t != s[i] || t == "*" && strict && s[i] == ">" {
			return false
		}
	}
	return len(p) == len(s)
}

func twinQueue(pattern, queue string) bool {
	if pattern == queue {
		return true
	}
	p, q := tokensOf(pattern), tokensOf(queue)
	for i, t := range p {
		switch {
		case t == ">" && i < len(q):
			return true
		case i >= len(q) || q[i] == "" || q[i] == ">":
			return false
		case t == "*":
		case t != q[i]:
			return false
		}
	}
	return len(p) == len(q)
}

// ask returns whether entries without a queue match, whether some with one do, and whether one is for this queue.
func ask(entries []string, subj, queue string, strict bool) (plain, queued, named bool) {
	for _, e := range entries {
		pattern, q, of := strings.Cut(e, " ")
		if !twinMatch(pattern, subj, strict) {
			continue
		}
		plain = plain || !of
		queued = queued || of
		named = named || of && queue != "" && twinQueue(q, queue)
	}
	return plain, queued, named
}

func (t twin) mayPublish(subj string) bool {
	if t.Publish.Allow != nil {
		if plain, _, _ := ask(t.Publish.Allow, subj, "", false); !plain {
			return false
		}
	}
	plain, _, _ := ask(t.Publish.Deny, subj, "", false)
	return !plain
}

func (t twin) maySubscribe(subj, queue string) bool {
	if t.Subscribe.Allow != nil {
		plain, queued, named := ask(t.Subscribe.Allow, subj, queue, true)
		if queue != "" && queued {
			plain = named
		}
		if !plain {
			return false
		}
	}
	return t.mayReceive(subj, queue)
}

func (t twin) mayReceive(subj, queue string) bool {
	plain, _, named := ask(t.Subscribe.Deny, subj, queue, false)
	return !plain && !named
}

// A maker makes patterns and subjects out of few tokens, so that they meet.
type maker struct{ *rand.Rand }

func (m maker) one(from ...string) string { return from[m.IntN(len(from))] }

func (m maker) subject(wild bool) string {
	var s []string
	for n := 1 + m.IntN(3); len(s) < n; {
		s = append(s, m.one("a", "b", "a", "b", "c", "*x"))
		if wild && m.IntN(3) == 0 {
			s[len(s)-1] = "*"
		}
	}
	if wild && m.IntN(4) == 0 {
		s[len(s)-1] = ">"
	}
	return strings.Join(s, ".")
}

// odd is a subject as a client may send it: with wildcards, or with empty tokens.
func (m maker) odd() string {
	s := m.subject(m.IntN(2) == 0)
	if m.IntN(10) == 0 {
		s = m.one("."+s, s+".", strings.ReplaceAll(s, ".", ".."))
	}
	return s
}

func (m maker) list(queues bool) (all []string) {
	if m.IntN(3) == 0 {
		return nil
	}
	for range 1 + m.IntN(3) {
		s := m.subject(true)
		if queues && m.IntN(3) == 0 {
			s += " " + m.one("q", "q.r", "q.*", "*", ">", m.subject(true))
		}
		all = append(all, s)
	}
	return all
}

func (m maker) queue() string {
	if m.IntN(10) == 0 {
		return m.one("q..r", ".", "q.")
	}
	return m.one("q", "q.r", "q.s", m.subject(true))
}

// What trees and caches say is what the rules say, in thousands of cases; and a subscription that is not
// filtered gets nothing that is denied.
func TestPermissionsAgreeWithTheTwin(t *testing.T) {
	cases := 20_000
	if testing.Short() {
		cases = 4_000
	}
	v := NewVerdicts()
	allowed, filters := [2]int{}, 0
	for seed := range uint64(cases) {
		m := maker{rand.New(rand.NewPCG(seed, 7))}
		c := config.Permissions{Publish: config.Subjects{Allow: m.list(false), Deny: m.list(false)}, Subscribe: config.Subjects{Allow: m.list(true), Deny: m.list(true)}}
		p, err := newPermissions(&c, seed)
		if err != nil {
			t.Fatal(err)
		}
		naive := twin{c}
		fail := func(what string, got bool) {
			t.Fatalf("seed %d: %s is %v; publish %q deny %q, subscribe %q deny %q", seed, what, got, c.Publish.Allow, c.Publish.Deny, c.Subscribe.Allow, c.Subscribe.Deny)
		}
		for range 8 {
			s := m.odd()
			want := naive.mayPublish(s)
			for range 2 { // looked up, and remembered
				if got := v.MayPublish(p, []byte(s)); got != want {
					fail("publish to "+s, got)
				}
			}
			queue := m.one("", m.queue())
			may := p.MaySubscribe([]byte(s), queue)
			if may != naive.maySubscribe(s, queue) {
				fail(fmt.Sprintf("subscribe to %s queue %q", s, queue), may)
			}
			if may {
				allowed[0]++
			} else {
				allowed[1]++
			}
			if !may || strings.Contains("."+s+".", "..") {
				continue
			}
			for range 8 {
				published := m.subject(false)
				if !twinMatch(s, published, false) {
					continue
				}
				want, got := naive.mayReceive(published, queue), true
				if p.Filters([]byte(s)) {
					filters++
					got = v.MayReceive(p, []byte(published), queue)
					if again := v.MayReceive(p, []byte(published), queue); again != got {
						fail("what is remembered of "+published, again)
					}
				}
				if got != want {
					fail(fmt.Sprintf("delivery of %s to %s queue %q", published, s, queue), got)
				}
			}
		}
	}
	if allowed[0] < cases/4 || allowed[1] < cases/4 || filters < cases/100 {
		t.Errorf("the cases test little: %v subscriptions allowed and not, %d deliveries filtered", allowed, filters)
	}
}

// A subscription is looked at one by one only if it may meet a denial.
func TestFiltersOnlyWhatOverlaps(t *testing.T) {
	for pattern, want := range map[string]bool{
		"a.b": false, "a.*": true, "a.>": true, ">": true, "*.b": true, "*.c": false, "b.>": false, "*": false, "x.*.y": true, "x.>": true, "x.*": false,
		"x.*.z": false, "*.*.y": true, "p.*": true, "p.q.*": true, "p": false,
	} {
		p, err := newPermissions(&config.Permissions{Subscribe: config.Subjects{Deny: []string{"a.b", "x.*.y", "p.>", "a.c q"}}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		if pattern == "*.c" {
			want = true // for the queue; which one is not asked here
		}
		if got := p.Filters([]byte(pattern)); got != want {
			t.Errorf("%s: filtered is %v, want %v", pattern, got, want)
		}
	}
}

// What is remembered costs nothing to ask again, and what is remembered of one user is not another's.
func TestVerdictsAllocateNothing(t *testing.T) {
	var all []*Permissions
	for i := range 3 {
		c := config.Permissions{Publish: config.Subjects{Allow: []string{fmt.Sprintf("own.%d.>", i)}}, Subscribe: config.Subjects{Deny: []string{fmt.Sprintf("own.%d.>", i)}}}
		p, err := newPermissions(&c, uint64(i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	v, subj := NewVerdicts(), []byte("own.1.x")
	for range 2 {
		for i, p := range all {
			if v.MayPublish(p, subj) != (i == 1) || v.MayReceive(p, subj, "") != (i != 1) {
				t.Fatalf("user %d: what is remembered is another's, or of another question", i)
			}
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		for _, p := range all {
			v.MayPublish(p, subj)
			v.MayReceive(p, subj, "")
			v.MayReceive(p, subj, "q")
		}
	}); n != 0 {
		t.Errorf("%v allocations for answers that are remembered", n)
	}
	for i := range 100_000 { // and what is remembered stays bounded, and right
		s := fmt.Appendf(nil, "own.%d.%d", i%3, i)
		if v.MayPublish(all[1], s) != (i%3 == 1) {
			t.Fatalf("%s: wrong", s)
		}
	}
}
