package bench

import (
	"testing"
	"time"
)

func TestPaceIsExact(t *testing.T) {
	for _, rate := range []int{1, 3, 7, 1000, 199_999, 5_000_000} {
		p := pace{rate: rate}
		p.begin(100)
		for k := range int64(rate) {
			if want := 100 + k*int64(time.Second)/int64(rate); p.due() != want {
				t.Fatalf("message %d at %d a second is due at %d, want %d", k, rate, p.due(), want)
			}
			p.done()
		}
		p.count = int64(rate) * 1000
		if want := int64(100 + 1000*time.Second); p.due() != want {
			t.Errorf("at %d a second %d messages take %d, want 1,000 s", rate, p.count, p.due()-100)
		}
		now := int64(100 + 7*time.Second + 333*time.Millisecond)
		p.skip(now)
		next := p.due()
		p.count--
		if next <= now || p.due() > now {
			t.Errorf("at %d a second the first message after %d is due at %d, and one before at %d", rate, now, next, p.due())
		}
	}
}
