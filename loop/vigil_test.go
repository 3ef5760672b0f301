package loop

import "testing"

const second = int64(1e9)

// holdVigils lets a loop have nothing to do n times, pause nanoseconds each, and
// returns how often it kept vigil. found says whether something came in time.
func holdVigils(v *vigil, now *int64, n int, pause int64, found bool) (held int) {
	for range n {
		if v.worthIt(*now, -1) {
			held++
			if found {
				v.vain = 0
			} else {
				v.inVain()
			}
		}
		*now += pause
		v.woke(pause)
	}
	return held
}

func TestVigilsAreKeptOnlyWhereTheyPay(t *testing.T) {
	var v vigil
	now := second
	if n := holdVigils(&v, &now, 1000, vigilPause*2, false); n != 0 {
		t.Errorf("an idle loop kept %d vigils", n)
	}
	v.woke(vigilPause / 2)
	if n := holdVigils(&v, &now, 100, vigilPause/20, true); n != 100 {
		t.Errorf("%d vigils in 100 short pauses that each ended in time", n)
	}
	if n := holdVigils(&v, &now, 6400, vigilPause/2, false); n > 120 {
		t.Errorf("%d vigils in vain in 6,400 pauses", n)
	}
	v.vain, v.skips = 0, 0
	if v.worthIt(now, vigilMax/2) {
		t.Error("a vigil would have lasted beyond the next timer")
	}
}

func TestVigilsRestWhereYieldedProcessorsComeBackLate(t *testing.T) {
	v := vigil{promising: true}
	now := second
	for range 1000 { // who took the processor made our work, but for one in ten
		for range 9 {
			v.yielded(yieldLong*2, now, yieldWorth)
		}
		v.yielded(yieldLong*2, now, 0)
		v.yielded(yieldLong/2, now, 0)
	}
	if !v.worthIt(now, -1) {
		t.Fatal("vigils rest although long yields brought much work")
	}
	late := 0
	for end := now + 100*second; now < end; now += yieldLong { // somebody else needs the processor
		if v.worthIt(now, -1) {
			v.yielded(yieldLong*2, now, 0)
			late++
		}
	}
	if late > 102 {
		t.Errorf("the processor came back late %d times in 100 seconds", late)
	}
}
