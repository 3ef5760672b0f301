package loop

import "testing"

// Who is charged before it has said who it is counts among the guarded, the oldest goes first, and all of it is given
// back however it ends.
func TestChargesCountAmongTheGuarded(t *testing.T) {
	const each = partStep + 10<<10 // more than what loops do not tell one another
	const share = 9*each + each/2
	s := newStage(t, Config{Budget: Budget{Total: 64 << 20, Unfinished: 16 << 20, Guarded: share}})
	var all []*actor
	for range 5 {
		a := s.dial()
		s.l.Guard(a.conn)
		s.l.Interpose(a.conn, &frames{})
		s.l.Charge(a.conn, each)
		all = append(all, a)
		s.pass(1)
	}
	held := s.l.Held()
	if s.l.guarded.bytes != 5*each || s.l.guarded.count != 5 {
		t.Errorf("%d bytes of %d are counted", s.l.guarded.bytes, s.l.guarded.count)
	}
	s.l.Charge(all[1].conn, 0)
	s.l.Charge(all[1].conn, 0)
	s.l.Kill(all[2].conn)
	s.settle()
	if s.l.guarded.bytes != 3*each || held-s.l.Held() != 2*each {
		t.Errorf("%d bytes are left of five, and %d less are held", s.l.guarded.bytes, held-s.l.Held())
	}
	for range 7 {
		a := s.dial()
		s.l.Guard(a.conn)
		s.l.Interpose(a.conn, &frames{})
		s.l.Charge(a.conn, each)
		all = append(all, a)
		s.pass(1)
	}
	s.k.dial(s.ln) // something for the loop to do
	s.pass(guardGrace)
	if s.l.guarded.bytes > share {
		t.Errorf("%d bytes are charged, %d may be", s.l.guarded.bytes, share)
	}
	if all[0].conn.Open() || len(all[0].reclaimed) != 1 || all[0].reclaimed[0] != UnfinishedInput {
		t.Errorf("the oldest is open: %v, and was told %v", all[0].conn.Open(), all[0].reclaimed)
	}
	if last := all[len(all)-1]; !last.conn.Open() || !all[1].conn.Open() {
		t.Error("the youngest, or one that was charged for no more, is gone")
	}
	s.end()
}
