package loop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// seeds returns how many seeds a random test tries: a few, or as many as
// LOOP_SEEDS says. LOOP_SEED=7 tries the seed 7 alone.
func seeds(t *testing.T, few int) (from, to uint64) {
	if text := os.Getenv("LOOP_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal("LOOP_SEED:", err)
		}
		return seed, seed + 1
	}
	if text := os.Getenv("LOOP_SEEDS"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal("LOOP_SEEDS:", err)
		}
		return 0, n
	}
	return 0, uint64(few)
}

// eachSeed runs a random test once a seed and names the first seed that fails.
func eachSeed(t *testing.T, few int, test func(t *testing.T, r *rand.Rand)) {
	for seed, to := seeds(t, few); seed < to; seed++ {
		if test(t, rand.New(rand.NewPCG(seed, 0))); t.Failed() {
			t.Fatalf("repeat with LOOP_SEED=%d", seed)
		}
	}
}

// watchNumbers complains about a number that is given out in the turn whose
// batch of events names it: its old owner was closed too early.
func (s *stage) watchNumbers() {
	var batch []int
	s.p.told = func(events []Event) {
		batch = batch[:0]
		for _, ev := range events {
			batch = append(batch, int(ev.FD))
		}
	}
	s.behave = func(a *actor) {
		if fd := a.socket.fd; slices.Contains(batch, fd) {
			s.t.Errorf("number %d is given out while a batch names its old owner", fd)
		}
	}
}

// In one batch: one connection kills another, a third is waiting to be
// accepted, and the killed one's own event comes last.
func TestAKilledConnectionsEventIsNotTheNextOnes(t *testing.T) {
	s := newStage(t, Config{})
	killer, old := s.dial(), s.dial()
	number := old.socket.fd
	s.watchNumbers()
	killer.receive = func(a *actor, b []byte) (int, int) {
		s.l.Kill(old.conn)
		return len(b), 0
	}
	handle := old.conn.Handle()
	killer.socket.arrive([]byte("kill it"))
	next := s.k.dial(s.ln)
	old.socket.arrive([]byte("of the old one\n"))
	s.settle()
	a := s.actorOf(next)
	if next.fd == number {
		t.Fatal("the number was given out again in the turn that killed its owner")
	}
	again := s.dial()
	if again.socket.fd != number {
		t.Fatalf("the next number is %d: the test does not test %d", again.socket.fd, number)
	}
	if len(old.got)+len(a.got)+len(again.got) != 0 || again.socket.reads != 0 {
		t.Errorf("handled %q, %q and %q; %d reads of a socket nothing came from", old.got, a.got, again.got, again.socket.reads)
	}
	if s.l.Lookup(handle) != nil || s.l.Lookup(again.conn.Handle()) != again.conn {
		t.Error("a handle names another opening of its number")
	}
	s.end()
}

// A batch that takes long has ends of turns within it. What they tear down keeps
// its number until the whole batch is done, as a socket another loop accepted
// meanwhile may arrive before the old owner's event is looked at.
func TestANumberIsNotGivenBackAmidABatch(t *testing.T) {
	s := newStage(t, Config{})
	killer, between, old := s.dial(), s.dial(), s.dial()
	number, got := old.socket.fd, -1
	s.watchNumbers()
	killer.receive = func(a *actor, b []byte) (int, int) {
		s.l.Kill(old.conn)
		s.l.Do(func(l *Loop) {
			s.k.dial(s.ln)
			fd, remote, err := s.k.Accept(s.ln.fd)
			if err != nil {
				t.Error(err)
				return
			}
			got = fd
			l.connCount.Add(1)
			l.Adopt(fd, remote, nil)
		})
		return len(b), 0
	}
	killer.socket.arrive([]byte("kill it"))
	between.socket.arrive([]byte("takes the letter\n"))
	old.socket.arrive([]byte("of the old one\n"))
	s.k.step = turnTimeMax + 1 // each event ends a turn
	commits := s.commits
	s.l.turn()
	s.k.step = 0
	if s.commits < commits+3 {
		t.Fatalf("%d turns ended: the batch was not long", s.commits-commits)
	}
	if got < 0 || got == number {
		t.Errorf("the handed over socket has number %d, the one killed in this batch %d", got, number)
	}
	s.settle()
	s.end()
}

// What the loop remembers of a connection dies with it: a delay, a deadline,
// a place in the queues, pending output.
func TestANumbersNextOwnerInheritsNothing(t *testing.T) {
	s := newStage(t, Config{})
	old := s.dial()
	number := old.socket.fd
	old.socket.room = 0
	old.send([]byte("of the old one"))
	old.receive = func(a *actor, b []byte) (int, int) {
		s.l.Park(a.conn, int64(20*time.Millisecond))
		return 0, Again
	}
	old.socket.arrive([]byte("kept\n"))
	s.settle()
	s.l.WakeAt(old.conn, s.k.clock+int64(10*time.Millisecond))
	s.l.Kill(old.conn)
	s.settle()
	a := s.dial()
	if a.socket.fd != number {
		t.Fatalf("the next number is %d: the test does not test %d", a.socket.fd, number)
	}
	s.l.Park(a.conn, 0)
	a.socket.arrive([]byte("mine\n"))
	s.pass(int64(30 * time.Second))
	if len(a.ticks)+len(a.overdue)+len(a.got)+len(a.socket.out) != 0 || !a.conn.Parked() {
		t.Errorf("ticks %v, overdue %v, handled %q, wrote %q, parked %v", a.ticks, a.overdue, a.got, a.socket.out, a.conn.Parked())
	}
	s.l.Unpark(a.conn)
	s.settle()
	if string(a.got) != "mine\n" || string(a.socket.out) != "mine\n" {
		t.Errorf("handled %q, wrote %q", a.got, a.socket.out)
	}
	s.end()
}

// Connections come and go as fast as they can, in any order of events, and
// numbers and records are used again at once. Each line names its connection.
func TestNothingOfAConnectionReachesTheNextOnItsNumber(t *testing.T) {
	eachSeed(t, 40, func(t *testing.T, r *rand.Rand) {
		s := newStage(t, Config{HeldMax: 64 << 10})
		s.watchNumbers()
		s.p.mix = func(events []int) {
			r.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
		}
		s.p.most = 1 + r.IntN(6)
		watch := s.behave
		s.behave = func(a *actor) {
			watch(a)
			a.left = r.IntN(3)
			a.receive = func(a *actor, b []byte) (int, int) {
				n, need := a.lines(b)
				if other := s.actors[r.IntN(len(s.actors))]; r.IntN(4) == 0 && other.conn.Open() {
					s.l.Kill(other.conn)
				}
				return n, need
			}
		}
		for range 400 {
			s.churn(r)
			if r.IntN(3) > 0 {
				s.l.turn()
			}
		}
		s.settle()
		for i, a := range s.actors {
			name := fmt.Appendf(nil, "of %d ", slices.Index(s.k.sockets, a.socket))
			for line := range bytes.Lines(a.got) {
				if !bytes.HasPrefix(line, name) && string(line) != "quit\n" {
					t.Fatalf("connection %d, whose lines begin with %q, handled %q", i, name, line)
				}
			}
			if !bytes.HasPrefix(a.want, a.socket.out) {
				t.Fatalf("connection %d wrote %q, and was sent %q", i, a.socket.out, a.want)
			}
		}
		s.end()
	})
}

// churn lets one thing happen.
func (s *stage) churn(r *rand.Rand) {
	open := slices.DeleteFunc(slices.Clone(s.k.sockets), func(x *madeUpSocket) bool { return x.closed || x.end || x.err != nil })
	if len(open) < 3 || r.IntN(4) == 0 {
		s.k.dial(s.ln).room = r.IntN(100)
		return
	}
	socket := open[r.IntN(len(open))]
	switch r.IntN(8) {
	case 0:
		socket.finish()
	case 1:
		socket.reset()
	case 2:
		socket.arrive([]byte("quit\n"))
	case 3, 4:
		socket.take(r.IntN(200))
	default:
		line := fmt.Appendf(nil, "of %d %s\n", slices.Index(s.k.sockets, socket), bytes.Repeat([]byte("x"), r.IntN(50)))
		cut := r.IntN(len(line))
		socket.arrive(line[:cut])
		if r.IntN(2) == 0 {
			s.l.turn()
		}
		if socket.err == nil {
			socket.arrive(line[cut:])
		}
	}
}

// A record that is used again while a place on the list of connections to be written to
// names it is listed twice. A connection that is too much for the batch, and whose end
// has its owner send to the listed one, does not have it written twice.
func TestARecordThatIsListedTwiceIsWrittenOnce(t *testing.T) {
	s := newStage(t, Config{})
	first, broken := s.dial(), s.dial()
	var rest []*actor
	for range batchMin {
		rest = append(rest, s.dial())
	}
	for range iovecsMax { // pieces that do not join
		broken.send([]byte("too much"))
		rest[0].send([]byte("-"))
	}
	first.send([]byte("again"))
	c := first.conn
	s.l.dirtyList = append([]*Conn{c}, s.l.dirtyList...) // as after a use before this one
	broken.onEnded = func() { first.send([]byte(" and more")) }
	broken.socket.err = unix.EPIPE
	for _, a := range rest {
		a.send([]byte("others"))
	}
	s.settle()
	if string(first.socket.out) != "again and more" {
		t.Errorf("written: %q", first.socket.out)
	}
	s.end()
}
