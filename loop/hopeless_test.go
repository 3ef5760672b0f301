package loop

import (
	"testing"
	"time"
)

// A reader that takes so little that it will be cut is told from one that is only slow, and from one
// that has only just fallen behind.
func TestReadersThatWillBeCutAreHopeless(t *testing.T) {
	for name, c := range map[string]struct {
		takes int // bytes every ten milliseconds
		want  bool
	}{
		"stands still": {0, true}, "drips": {64, true}, "is slow": {64 << 10, false},
	} {
		s := newStage(t, Config{WriteDeadline: second})
		a := s.dial()
		s.settle()
		a.socket.room = 0
		for range 8 {
			a.send(noise[:64<<10])
			s.settle()
		}
		if s.l.Hopeless(a.conn) {
			t.Errorf("who %s: it has only just fallen behind", name)
		}
		for range 5 {
			a.socket.take(c.takes)
			s.pass(int64(10 * time.Millisecond))
		}
		if got := s.l.Hopeless(a.conn); got != c.want {
			t.Errorf("who %s: hopeless is %v with %d bytes pending", name, got, a.conn.Pending())
		}
		a.socket.take(unlimited)
		s.settle()
		if s.l.Hopeless(a.conn) {
			t.Errorf("who %s and then reads all is still hopeless", name)
		}
		s.end()
	}
}
