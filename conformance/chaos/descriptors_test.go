package chaos

import (
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
)

// T18: more clients than descriptors. Who is connected does not notice, nobody spins or floods
// the log, and who waits is served as soon as others leave.
func TestDescriptorsRunOutAndComeBack(t *testing.T) {
	const callers, leavers = 400, 100
	length := Scale(2*time.Second, 20*time.Second)
	onEach(t, beside(), func(t *testing.T, s Setting) {
		s.Limits = []string{"--nofile=256"}
		s.Options = transcript.Options{"max_connections": "1000"}
		b := Start(t, s)
		veteran := StartProbe(t, b.Address())
		all := NewIdlers(t, b.Address(), callers)
		greeted := 0
		for ; greeted < callers; greeted++ { // they are served in the order in which they came
			if _, err := all.Greeted(greeted, time.Second); err != nil {
				break
			}
		}
		before, lines := b.Usage(t).CPU, strings.Count(b.Output(), "\n")
		time.Sleep(length)
		used := float64(b.Usage(t).CPU-before) / float64(length)
		logged := float64(strings.Count(b.Output(), "\n")-lines) / length.Seconds()
		pings := veteran.End(t)

		all.Close(leavers)
		start, waited := time.Now(), 0
		for i := range leavers {
			if _, err := all.Greeted(greeted-leavers+i, Patience); err != nil {
				t.Errorf("the %d. of those who wait: %v", i+1, err)
				break
			}
			waited++
		}
		served := time.Since(start)
		must(t, s, greeted > leavers && greeted < callers-leavers, "%d of %d greeted with 256 descriptors", greeted, callers)
		judge(t, s, used < 0.05, "used %.3f of a processor", used)
		if !s.Real && logged > 1.5 {
			t.Errorf("%.1f lines a second", logged)
		}
		judge(t, s, Milliseconds(pings, 99) < 50, "PING p99 is %.1f ms", Milliseconds(pings, 99))
		judge(t, s, served < time.Second, "who waited was served after %v", served)
		Report(t, "T18", "descriptors run out: nobody spins, who waits is served when others leave", s.Name(), Figures{
			"callers": callers, "seconds": length.Seconds(), "cores": used, "lines_per_second": logged,
			"ping_p99_ms": Milliseconds(pings, 99), "served": waited, "served_after_ms": served.Milliseconds(),
		})
	})
}
