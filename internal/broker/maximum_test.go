package broker

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Auto-unsubscribe while eight publishers, on all loops, publish at once. That
// only plain subjects and lone queue members are looked at in unsub_test.go is
// why these exist: here are wildcards, whole groups, and maxima that change.

const (
	volleyPublishers = 8
	volleyEach       = 6
	volley           = volleyPublishers * volleyEach // messages of one trial
)

// A battery is publishers on all loops that fire at once.
type battery struct {
	*rig
	publishers []*client
}

func (r *rig) battery() *battery {
	b := &battery{rig: r}
	for i := range volleyPublishers {
		b.publishers = append(b.publishers, r.on(i, fmt.Sprintf("publisher %d", i)))
	}
	return b
}

// fire publishes a volley to a subject. The function it returns waits until
// every message is routed.
func (b *battery) fire(subject string) (wait func()) {
	var done sync.WaitGroup
	for _, p := range b.publishers {
		done.Go(func() {
			ops := strings.Repeat(pub(subject, "")+"\r\n", volleyEach)
			if err := p.exchange([]byte(ops)); err != nil {
				b.t.Errorf("%s: %v", p.name, err)
			}
		})
	}
	return done.Wait
}

// wantNoSubscriptions fails if the broker still knows of a subscription, in any
// table or in the index.
func (b *battery) wantNoSubscriptions(why string) {
	b.t.Helper()
	if h := holdingsOf(b.Broker); h.subs+h.topics+h.groups+h.indexed != 0 {
		b.t.Fatalf("holds %+v: %s", h, why)
	}
}

// Six clients on all loops, each with another kind of subscription to the same
// messages, get as many as they asked for.
func TestMaximumIsExactForEveryKind(t *testing.T) {
	kinds := []string{"max.%d.x", "max.%d.*", "max.%d.>", "max.%d.x alone", "max.%d.* lonely", "max.%d.> single"}
	eachLoops(t, func(t *testing.T, loops int) {
		b := start(t, loops).battery()
		var clients []*client
		for i := range kinds {
			clients = append(clients, b.on(i, fmt.Sprintf("client %d", i)))
		}
		for trial := range scale(40, 200, 10_000) {
			max := 1 + trial%volley
			for i, c := range clients {
				kind := fmt.Sprintf(kinds[(i+trial)%len(kinds)], trial)
				c.send("SUB "+kind+" 7", fmt.Sprintf("UNSUB 7 %d", max), "PING")
				c.pong("subscribed with a maximum")
			}
			b.fire(fmt.Sprintf("max.%d.x", trial))()
			for i, c := range clients {
				if n := len(c.drain("all is routed")); n != max {
					t.Fatalf("trial %d: %s got %d messages, wanted %d of %d", trial, kinds[(i+trial)%len(kinds)], n, max, volley)
				}
			}
			if trial%16 == 0 {
				b.wantNoSubscriptions("every maximum was reached")
			}
		}
		b.wantNoSubscriptions("every maximum was reached")
		b.vacate()
	})
}

// A group whose members have different maxima uses all of them up: who has had
// its own is passed by, until nobody has any left.
func TestMaximaOfAGroupAreUsedUp(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		b := start(t, loops).battery()
		var members []*client
		for i := range 6 {
			members = append(members, b.on(i, fmt.Sprintf("member %d", i)))
		}
		for trial := range scale(40, 200, 10_000) {
			subject, pattern := fmt.Sprintf("group.%d.x", trial), fmt.Sprintf("group.%d.*", trial)
			shares := sharesOf(volley, len(members), trial)
			for i, c := range members {
				to := subject
				if i%2 == trial%2 {
					to = pattern
				}
				c.send("SUB "+to+" workers 7", fmt.Sprintf("UNSUB 7 %d", shares[i]), "PING")
				c.pong("a member with a maximum")
			}
			b.fire(subject)()
			got := make([]int, len(members))
			eventually(t, "the members' maxima make a volley, and none of it is lost", func() bool {
				total := 0
				for i, c := range members { // a message may still be passed on from loop to loop
					got[i] += len(c.drain("what is routed by now"))
					total += got[i]
				}
				return total >= volley
			}, func() any { return fmt.Sprintf("trial %d: got %v of %v", trial, got, shares) })
			if !slices.Equal(got, shares) {
				t.Fatalf("trial %d: the members got %v, wanted %v", trial, got, shares)
			}
		}
		b.wantNoSubscriptions("every maximum was reached")
		b.vacate()
	})
}

// sharesOf cuts a number into parts, none of them empty, another way each trial.
func sharesOf(total, parts, trial int) []int {
	shares := make([]int, parts)
	for i := range parts - 1 {
		shares[i] = 1 + (trial*(i+3)+i)%(total/parts)
		total -= shares[i]
	}
	shares[parts-1] = total
	return shares
}

// A maximum that is set while messages come holds if fewer have come, and ends
// the subscription at once if as many have or more.
func TestMaximumSetAmongDeliveries(t *testing.T) {
	kinds := []string{"late.%d.x", "late.%d.*", "late.%d.x workers", "late.%d.> workers"}
	eachLoops(t, func(t *testing.T, loops int) {
		b := start(t, loops).battery()
		var clients []*client
		for i := range kinds {
			clients = append(clients, b.on(i, fmt.Sprintf("client %d", i)))
		}
		below := 0 // how often the maximum was below what had come
		for trial := range scale(40, 200, 10_000) {
			c := clients[trial%len(clients)]
			c.send("SUB "+fmt.Sprintf(kinds[trial/len(clients)%len(kinds)], trial)+" 7", "UNSUB 7 1000", "PING")
			c.pong("subscribed, with a maximum that is changed")
			limit := 1 + trial*7%volley
			some := trial % 3 * limit / 3
			wait := b.fire(fmt.Sprintf("late.%d.x", trial))
			for range some {
				c.next("some have come")
			}
			before := some + len(c.after(fmt.Sprintf("UNSUB 7 %d", limit)))
			wait()
			total := before + len(c.drain("all is routed"))
			if before > limit {
				below++
			}
			if want := max(before, limit); total != want {
				t.Fatalf("trial %d: %d came before the PONG behind a maximum of %d, and %d in all, want %d", trial, before, limit, total, want)
			}
		}
		b.wantNoSubscriptions("every maximum was reached")
		t.Logf("the maximum was below what had come in %d trials", below)
		b.vacate()
	})
}

// after sends an operation and returns the frames before the PONG behind it.
func (c *client) after(op string) []frame {
	c.t.Helper()
	c.send(op)
	return c.drain(op + " is acknowledged")
}
