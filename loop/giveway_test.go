package loop

import "testing"

// yields has other threads take the processor for took nanoseconds whenever the awake loop
// lets them; it returns how often that was.
func (s *stage) yields(took *int64) (times *int) {
	times = new(int)
	s.k.yield = func() bool {
		if s.l.state.Load() != awake {
			return false // a vigil
		}
		*times++
		s.k.clock += *took
		return true
	}
	return times
}

func TestALoopThatHasWrittenMuchLetsOthersGoFirst(t *testing.T) {
	s := newStage(t, Config{})
	a, took := s.dial(), int64(0)
	s.settle()
	times := s.yields(&took)
	write := func(chunks int) {
		for range chunks {
			a.send(noise[:len(noise)/16])
			s.settle()
		}
	}
	enough := giveWayBytes / (len(noise) / 16)
	write(enough - 1)
	if *times != 0 {
		t.Errorf("it let others go %d times, and has not written much", *times)
	}
	write(1)
	if *times != 1 {
		t.Errorf("it let others go %d times when it had written much once", *times)
	}
	write(10 * enough)
	if *times < 10 {
		t.Errorf("it let others go %d times when it had written much eleven times", *times)
	}
	s.end()
}

// A thread that only computes keeps the processor for as long as it may.
func TestGivingWayRestsWhereTheProcessorComesBackLate(t *testing.T) {
	var w way
	now, late, times := second, giveWayLate, 0
	for end := now + 100*second; now < end; now += giveWayLate {
		if now < w.restUntil {
			continue
		}
		w.gave(late, now)
		times++
	}
	if most := 101 * giveWayFines / giveWayFine; times > most {
		t.Errorf("the processor was away %d times in 100 seconds, want %d at most", times, most)
	}
	w = way{}
	for range 1000 { // a reader that is late now and then
		w.gave(late, now)
		for range 8 {
			w.gave(late/2, now)
		}
	}
	if w.restUntil > now {
		t.Error("it rests although who took the processor was seldom late")
	}
}

// Where nobody can be let go first that is not tried again.
func TestGivingWayEndsWhereTheSystemCannot(t *testing.T) {
	s := newStage(t, Config{})
	a := s.dial()
	s.settle()
	tried := 0
	s.k.yield = func() bool {
		if s.l.state.Load() == awake {
			tried++
		}
		return false
	}
	for range 10 * giveWayBytes / len(noise) {
		a.send(noise)
		s.settle()
	}
	if tried != 1 {
		t.Errorf("it was tried %d times", tried)
	}
	s.end()
}
