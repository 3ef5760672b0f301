package loop

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// faults are the errors each call of the seam is made to answer with. Errors
// named soft end no connection at all, the others at most the one of the call.
var faults = []struct {
	name       syscallName
	soft, hard []unix.Errno
}{
	{callAccept, []unix.Errno{unix.EINTR, unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EPERM, unix.EHOSTUNREACH},
		[]unix.Errno{unix.ECONNABORTED, unix.EPROTO}},
	{callRead, []unix.Errno{unix.EINTR, unix.EAGAIN}, []unix.Errno{unix.ECONNRESET, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENOMEM}},
	{callWrite, []unix.Errno{unix.EINTR, unix.EAGAIN, unix.ENOBUFS}, []unix.Errno{unix.EPIPE, unix.ECONNRESET, unix.ETIMEDOUT}},
	{callWritev, []unix.Errno{unix.EINTR, unix.EAGAIN, unix.ENOBUFS}, []unix.Errno{unix.EPIPE, unix.ECONNRESET, unix.ETIMEDOUT}},
	{callShutdown, nil, []unix.Errno{unix.ENOTCONN, unix.ECONNRESET}},
	{callClose, []unix.Errno{unix.EINTR, unix.EIO, unix.ECONNRESET}, nil},
	{callAdd, nil, []unix.Errno{unix.ENOMEM, unix.ENOSPC}},
	{callWait, []unix.Errno{unix.EINTR, unix.ENOMEM, unix.EIO}, nil},
}

// Every call of a whole life of six connections fails once with each of its
// errors: only the connection of that call may notice.
func TestAFailingCallEndsAtMostItsOwnConnection(t *testing.T) {
	for _, noBatch := range []bool{false, true} {
		t.Run(fmt.Sprintf("no batch=%t", noBatch), func(t *testing.T) { failEachCall(t, Config{NoBatch: noBatch}) })
	}
}

func failEachCall(t *testing.T, c Config) {
	clean := newFaultRun(t, c)
	clean.play()
	made := maps.Clone(clean.k.calls)
	clean.check()
	for _, f := range faults {
		calls := made[f.name]
		if calls == 0 {
			t.Errorf("nothing calls %s: the test checks less than it says", f.name)
		}
		for i, errno := range slices.Concat(f.soft, f.hard) {
			for n := 1; n <= calls; n++ {
				name := fmt.Sprintf("%s %d answers %v", f.name, n, errno)
				r := newFaultRun(t, c)
				r.fault(f.name, n, errno, i < len(f.soft))
				r.play()
				if !r.failed {
					t.Errorf("%s: the call was not made", name)
				}
				if r.check(); t.Failed() {
					t.Fatalf("%s", name)
				}
			}
		}
	}
}

// faultRun is one life of six connections.
type faultRun struct {
	*stage
	peers []*madeUpSocket
	sent  [][]byte // by peer

	errno   unix.Errno
	soft    bool
	failed  bool          // the fault has happened
	victim  *madeUpSocket // whose call it was
	wasOpen bool          // and it was neither closing nor being opened
}

func newFaultRun(t *testing.T, c Config) *faultRun {
	r := &faultRun{stage: newStage(t, c), sent: make([][]byte, 6)}
	return r
}

// fault makes the n-th call of a name fail.
func (r *faultRun) fault(name syscallName, n int, errno unix.Errno, soft bool) {
	r.errno, r.soft = errno, soft
	r.k.script = func(called syscallName, nth, fd int) error {
		if called != name || nth != n {
			return nil
		}
		r.failed = true
		if victim, ok := r.k.table[fd].(*madeUpSocket); ok {
			r.victim = victim
			a := r.actorOf(victim)
			r.wasOpen = a != nil && a.conn.Open()
		}
		return errno
	}
}

// say is the i-th peer sending something.
func (r *faultRun) say(i int, b string) {
	r.sent[i] = append(r.sent[i], b...)
	r.peers[i].arrive([]byte(b))
}

// play is the life: what can happen to a connection happens to one of them.
func (r *faultRun) play() {
	for i := range 6 {
		r.peers = append(r.peers, r.k.dial(r.ln))
		if i%3 == 2 {
			r.pass(int64(200 * time.Millisecond)) // the time after which a failed accept is repeated
		}
	}
	r.peers[0].room = 7
	for i := range r.peers {
		r.say(i, "a line in ")
	}
	r.settle()
	for i := range r.peers {
		r.say(i, "two pieces\nand the next")
	}
	r.settle()
	body := bytes.Repeat([]byte("stored once "), 500)
	for range 3 { // between blocks and shared bytes nothing joins: these become several pieces
		r.fanout([]byte("for all: "), body, unlimited)
	}
	r.settle()
	r.say(0, " one, which is answered behind what waits\n")
	r.settle()
	r.peers[0].take(4000)
	r.settle()
	r.say(1, strings.Repeat("a long line ", 20_000))
	r.pass(int64(20 * time.Millisecond)) // the time after which a write without memory is repeated
	r.say(1, "\n")
	r.say(2, " before the end\nquit\nunread")
	r.say(3, " before FIN\n")
	r.peers[3].finish()
	r.settle()
	r.peers[2].arrive([]byte("unread as well"))
	r.settle()
	r.peers[2].finish()
	r.peers[4].reset()
	r.pass(int64(20 * time.Millisecond))
	r.say(5, " after the others\n")
	r.peers[0].take(unlimited)
	r.pass(int64(3 * time.Second))
}

// check says what must be so whichever call failed.
func (r *faultRun) check() {
	r.t.Helper()
	for i, socket := range r.peers {
		a := r.actorOf(socket)
		switch {
		case a == nil:
			if !(socket.aborted && !r.soft) && !r.faultOf(socket) {
				r.t.Errorf("peer %d was never adopted", i)
			}
		case !bytes.HasPrefix(a.want, socket.out):
			r.t.Errorf("peer %d got %d bytes that are not the beginning of the %d sent to it", i, len(socket.out), len(a.want))
		case r.faultOf(socket):
			if r.wasOpen && (a.ended != 1 || a.endErr != r.errno) {
				r.t.Errorf("peer %d, whose call failed, ended %d times, with %v", i, a.ended, a.endErr)
			}
			if a.conn.Open() {
				r.t.Errorf("peer %d lives on after its call failed", i)
			}
		default:
			r.checkUntouched(i, a)
		}
	}
	r.end()
}

// faultOf reports whether a hard error met a call of this socket.
func (r *faultRun) faultOf(socket *madeUpSocket) bool { return !r.soft && r.victim == socket }

// checkUntouched is about a connection that no fault concerned.
func (r *faultRun) checkUntouched(i int, a *actor) {
	r.t.Helper()
	sent := r.sent[i]
	if i == 2 { // what stands behind quit is not handled
		sent = sent[:bytes.Index(sent, []byte("quit\n"))+len("quit\n")]
	}
	sent = sent[:bytes.LastIndexByte(sent, '\n')+1]
	if i != 4 && !bytes.Equal(a.got, sent) {
		r.t.Errorf("of peer %d %d bytes were handled, it sent %d", i, len(a.got), len(sent))
	}
	if !bytes.Equal(a.socket.out, a.want) {
		r.t.Errorf("peer %d got %d of %d bytes", i, len(a.socket.out), len(a.want))
	}
	stays := i == 0 || i == 1 || i == 5
	if a.conn.Open() != stays || a.closed > 0 == stays {
		r.t.Errorf("peer %d: open is %v, closed %d times; it was to stay: %v", i, a.conn.Open(), a.closed, stays)
	}
}
