package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

// Subjects that are used once, and one connection with very many subscriptions: neither leaves
// anything behind, nor do others have to wait for its end.

func TestSubjectsPublishedOnceLeaveNothingBehind(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		r := start(t, loops)
		sub := r.on(0, "subscriber")
		sub.send("SUB once.> 1", "SUB once.*.* 2", "SUB end 3")
		sub.barrier("subscribed")
		p := r.on(loops-1, "publisher")
		before := holdingsOf(r.Broker)
		rounds, each := scale(10, 100, 10_000), 1000
		first := 0
		for round := range rounds {
			if round == rounds/10 {
				first = residentNow()
			}
			var b strings.Builder
			for i := range each {
				b.WriteString(pub(fmt.Sprintf("once.%d.%d", round, i), "") + "\r\n")
			}
			p.write([]byte(b.String() + pub("end", "") + "\r\n"))
			got := 0
			for f := sub.next("the round's end"); f.subject != "end"; f = sub.next("the round's end") {
				got++
			}
			if got != 2*each {
				t.Fatalf("%d messages came, want %d", got, 2*each)
			}
		}
		p.barrier("all is routed")
		sub.barrier("all is taken")
		if after := holdingsOf(r.Broker); after.topics != before.topics || after.indexed != before.indexed || after.groups != before.groups || after.inFlight != 0 {
			t.Errorf("before %+v, after %d subjects %+v", before, rounds*each, after)
		}
		last := residentNow()
		grown := 100 * float64(last-first) / float64(max(first, 1))
		printFigure(t, map[string]any{"test": "T33 unique subjects", "loops": loops, "subjects": rounds * each, "resident_at_a_tenth": first, "resident": last, "grown_percent": grown})
		if long && grown > 5*figureSlack {
			t.Errorf("memory has grown by %.0f %%", grown)
		}
	})
}

// Two thousand tokens are more than any bound of tokens that is not set; each pattern that matches gets it once.
func TestSubjectsOfManyTokens(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		const tokens = 2000
		r := start(t, loops, func(o *config.Options) { o.MaxControlLine = 8 << 10 })
		subj := strings.TrimSuffix(strings.Repeat("t.", tokens), ".")
		// Every other star doubles the ways a subject could be walked, if there were no one way.
		mixed := strings.TrimSuffix(strings.Repeat("t.*.", tokens/2), ".")
		stars := strings.TrimSuffix(strings.Repeat("*.", tokens), ".")
		sub := r.on(0, "subscriber")
		sub.send("SUB "+subj+" 1", "SUB "+mixed+" 2", "SUB "+stars+" 3", "SUB "+mixed[:len(mixed)-1]+"> 4", "SUB "+stars+".* 5", "SUB "+mixed+".> 6")
		sub.barrier("subscribed")
		p := r.on(loops-1, "publisher")
		for range 20 {
			p.send(pub(subj, "x"))
		}
		p.barrier("published")
		got := map[string]int{}
		for range 4 * 20 {
			got[sub.next("a message").sid]++
		}
		if want := (map[string]int{"1": 20, "2": 20, "3": 20, "4": 20}); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got %v, want %v", got, want)
		}
		sub.barrier("nothing more")
		var others [][]byte
		for i := range 200 {
			others = append(others, fmt.Appendf(nil, "%s%d", subj[:len(subj)-1], i))
		}
		median, longest := matchingTime(r.Broker, others)
		printFigure(t, map[string]any{"test": "T33 tokens", "loops": loops, "tokens": tokens, "match_us": median.Seconds() * 1e6, "longest_us": longest.Seconds() * 1e6})
		if long && median > figureSlack*100*time.Microsecond {
			t.Errorf("a subject of %d tokens is matched in %v", tokens, median)
		}
		killAll(r.Broker)
		wantNothingHeld(t, r.Broker)
	})
}

// While the subscriptions of a closed connection are taken back, slice by slice, its loop answers others.
func TestOneWithVeryManySubscriptionsLeaves(t *testing.T) {
	r := start(t, 2)
	subs := scale(20_000, 100_000, 1_000_000)
	c := r.on(0, "subscribes to very much")
	neighbour := r.on(0, "neighbour")
	before := residentNow()
	for from := 0; from < subs; from += 10_000 {
		var b strings.Builder
		for i := from; i < from+10_000; i++ {
			fmt.Fprintf(&b, "SUB very.many.%d.* %d\r\n", i, i)
		}
		c.write([]byte(b.String()))
		c.barrier("subscribed")
	}
	if h := holdingsOf(r.Broker); h.subs != subs || h.indexed != subs {
		t.Fatalf("%+v, want %d subscriptions", h, subs)
	}
	most, stall := residentNow(), longestLag(r.Broker)
	c.reset()
	answeredMeanwhile := 0
	for left := subs; left > 0; {
		neighbour.barrier("while the other's are taken back")
		h := holdingsOf(r.Broker)
		if left = h.indexed; h.subs > 0 && h.subs < subs {
			answeredMeanwhile++
		}
	}
	if answeredMeanwhile == 0 {
		t.Error("all were taken back in one piece")
	}
	after, stalls := residentNow(), longestLag(r.Broker)
	left := 100 * float64(after-before) / float64(max(most-before, 1)) // of what they had taken
	printFigure(t, map[string]any{"test": "T33 subscriptions", "subscriptions": subs, "resident_before": before, "resident_with_all": most, "resident_after": after,
		"left_percent": left, "longest_lag_subscribing_ms": stall.Seconds() * 1e3, "longest_lag_ms": stalls.Seconds() * 1e3})
	if long && left > 10*figureSlack {
		t.Errorf("%.0f %% of the memory is left", left)
	}
	killAll(r.Broker)
	wantNothingHeld(t, r.Broker)
}
