package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Members of a queue group that come and go while messages flow. Who leaves with
// UNSUB and reads up to its PONG loses nothing; who dies loses at most what was on
// its way to it; all else goes to somebody who lives.

// A stream is publishers on all loops that publish numbered messages to one
// subject until each has published its number of them.
type stream struct {
	*rig
	subject string
	each    int
	begun   []atomic.Int64 // by publisher: messages it may have sent
	routed  []atomic.Int64 // and those that were acknowledged
	ended   chan struct{}

	mu  sync.Mutex
	got []map[int]int // by publisher: deliveries of each message
}

// streamBatch is how many messages a publisher sends before it waits for a PONG.
const streamBatch = 20

func (r *rig) stream(subject string, each int) *stream {
	s := &stream{rig: r, subject: subject, each: each, ended: make(chan struct{})}
	s.begun, s.routed = make([]atomic.Int64, r.loops), make([]atomic.Int64, r.loops)
	for range r.loops {
		s.got = append(s.got, map[int]int{})
	}
	return s
}

// flow starts the publishers.
func (s *stream) flow() {
	var publishers sync.WaitGroup
	for id := range s.loops {
		p := s.on(id, fmt.Sprintf("publisher on loop %d", id))
		publishers.Go(func() {
			for n := 0; n < s.each; n += streamBatch {
				var b []byte
				for i := range streamBatch {
					b = append(b, pub(s.subject, fmt.Sprintf("%d.%d", id, n+i))+"\r\n"...)
				}
				s.begun[id].Store(int64(n + streamBatch))
				if err := p.exchange(b); err != nil {
					s.t.Errorf("%s: %v", p.name, err)
					return
				}
				s.routed[id].Store(int64(n + streamBatch))
			}
		})
	}
	go func() { // ends with the publishers
		publishers.Wait()
		close(s.ended)
	}()
}

func (s *stream) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// read sends an operation and notes the messages that come before its PONG. It
// may be called from any goroutine; false means that the test has failed.
func (s *stream) read(c *client, op string) bool {
	frames, err := c.gather(op)
	if err != nil {
		s.t.Errorf("%s: %v", c.name, err)
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range frames {
		var id, n int
		if _, err := fmt.Sscanf(string(f.payload), "%d.%d", &id, &n); err != nil || id >= s.loops {
			s.t.Errorf("%s got %s", c.name, f)
			return false
		}
		s.got[id][n]++
	}
	return true
}

// missing returns the messages nobody got, by publisher, and fails if somebody
// got one that another got too.
func (s *stream) missing() (lost [][]int, count int) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, got := range s.got {
		lost = append(lost, nil)
		for n := range s.each {
			switch got[n] {
			case 0:
				lost[id] = append(lost[id], n)
				count++
			case 1:
			default:
				s.t.Fatalf("message %d.%d was delivered %d times", id, n, got[n])
			}
		}
	}
	return lost, count
}

// wantAll reads what members still have, and fails if a message is missing in the end.
func (s *stream) wantAll(members ...*client) {
	s.t.Helper()
	eventually(s.t, "every message reached a member", func() bool {
		for _, c := range members {
			if !s.read(c, "PING") { // a second one, for its PONG
				s.t.FailNow()
			}
		}
		_, count := s.missing()
		return count == 0
	}, func() any { lost, _ := s.missing(); return lost })
}

// gather sends an operation and a PING, and returns the frames before its PONG.
func (c *client) gather(op string) (frames []frame, err error) {
	pongs := 1
	if op == "PING" {
		pongs++
	}
	c.conn.SetDeadline(time.Now().Add(patience))
	if _, err = c.conn.Write([]byte(op + "\r\nPING\r\n")); err != nil {
		return nil, err
	}
	for pongs > 0 {
		f, err := c.read()
		switch {
		case err != nil:
			return nil, err
		case f.verb == "PONG":
			pongs--
		case f.verb == "MSG":
			frames = append(frames, f)
		default:
			return nil, fmt.Errorf("got %s", f)
		}
	}
	return frames, nil
}

// patternsOf are the ways members subscribe to a stream of handover.a.
var patternsOf = []string{"handover.a", "handover.*", "handover.>"}

// One member stays; others come and drain on all loops.
func TestMembersThatDrainLoseNothing(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		s := r.stream("handover.a", scale(2000, 10_000, 200_000)/loops)
		stays := r.on(2, "the member that stays")
		s.read(stays, "SUB handover.* workers 1")
		var members sync.WaitGroup
		for i := range 6 {
			c := r.on(i, fmt.Sprintf("member %d on loop %d", i, i%loops))
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			members.Go(func() {
				for !s.over() {
					ok := s.read(c, "SUB "+patternsOf[rng.IntN(3)]+" workers 1")
					for range rng.IntN(4) {
						ok = ok && s.read(c, "PING")
					}
					if !ok || !s.read(c, "UNSUB 1") {
						return
					}
				}
			})
		}
		s.flow()
		for !s.over() {
			if !s.read(stays, "PING") {
				break
			}
		}
		members.Wait()
		s.wantAll(stays)
		r.vacate()
	})
}

// Nobody stays: the next member subscribes, reads its PONG, and only then the one
// before it leaves. At each moment there is a member, so nothing is lost.
func TestGroupHandedOverLosesNothing(t *testing.T) {
	for name, patterns := range map[string][]string{"one subject": patternsOf[:1], "patterns": patternsOf} {
		t.Run(name, func(t *testing.T) {
			eachLoops(t, func(t *testing.T, loops int) {
				r := start(t, loops)
				s := r.stream("handover.a", scale(2000, 10_000, 200_000)/loops)
				var members []*client
				for i := range 5 {
					members = append(members, r.on(i, fmt.Sprintf("member %d", i)))
				}
				rng := rand.New(rand.NewPCG(2, 2))
				at := 0
				s.read(members[at], "SUB handover.a workers 1")
				s.flow()
				for !s.over() {
					next := (at + 1 + rng.IntN(len(members)-1)) % len(members)
					if !s.read(members[next], "SUB "+patterns[rng.IntN(len(patterns))]+" workers 1") || !s.read(members[at], "UNSUB 1") {
						t.FailNow()
					}
					at = next
				}
				s.wantAll(members...)
				r.vacate()
			})
		})
	}
}

// Members die with a reset, without a word. Lost is only what was routed between
// the last PONG a dead member read and the broker's noticing that it has gone.
func TestMembersThatDieLoseOnlyTheirOwn(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		s := r.stream("handover.a", scale(10_000, 40_000, 400_000)/loops)
		var stay []*client
		for at := range loops {
			c := r.on(at, fmt.Sprintf("the member that stays on loop %d", at))
			s.read(c, "SUB handover.* workers 1")
			stay = append(stay, c)
		}
		var mortal []*client
		for i := range scale(10, 20, 200) {
			mortal = append(mortal, r.on(i, fmt.Sprintf("mortal %d", i)))
		}
		s.flow()
		var windows []window
		for i := 0; i < len(mortal) && !s.over(); i++ {
			m := mortal[i]
			alive := s.read(m, "SUB "+patternsOf[i%3]+" workers 1")
			for _, c := range stay {
				alive = alive && s.read(c, "PING")
			}
			w := window{from: s.counts(s.routed)}
			if !alive || !s.read(m, "PING") {
				t.FailNow()
			}
			local := m.local()
			m.reset()
			eventually(t, "the broker notices the reset", func() bool { return loopOf(r.Broker, local) < 0 })
			w.to = s.counts(s.begun)
			windows = append(windows, w)
		}
		for !s.over() {
			for _, c := range stay {
				if !s.read(c, "PING") {
					t.FailNow()
				}
			}
		}
		s.wantLostOnlyIn(windows, stay)
		r.vacate()
	})
}

// A window is which messages may have been on their way to a member that died: of
// each publisher those from one number up to another.
type window struct{ from, to []int }

func (s *stream) counts(of []atomic.Int64) (n []int) {
	for i := range of {
		n = append(n, int(of[i].Load()))
	}
	return n
}

// wantLostOnlyIn reads what the living still have until only messages on their way
// to the dead are missing.
func (s *stream) wantLostOnlyIn(windows []window, living []*client) {
	s.t.Helper()
	allowed := func(id, n int) bool {
		return slices.ContainsFunc(windows, func(w window) bool { return n >= w.from[id] && n < w.to[id] })
	}
	eventually(s.t, "who lives gets all that was not on its way to the dead", func() bool {
		for _, c := range living {
			if !s.read(c, "PING") {
				s.t.FailNow()
			}
		}
		lost, _ := s.missing()
		for id := range lost {
			if slices.ContainsFunc(lost[id], func(n int) bool { return !allowed(id, n) }) {
				return false
			}
		}
		return true
	}, func() any { lost, _ := s.missing(); return fmt.Sprint(lost, windows) })
	_, lost := s.missing()
	free := 0
	for id := range s.loops {
		for n := range s.each {
			if !allowed(id, n) {
				free++
			}
		}
	}
	s.t.Logf("%d died; %d of %d messages lost; %d could not be", len(windows), lost, s.loops*s.each, free)
}
