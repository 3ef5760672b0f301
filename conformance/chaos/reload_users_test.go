package chaos

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
)

// stallMax is how long no loop may stand still because of a reload.
const stallMax = 5 * time.Millisecond

// manyUsers is a configuration with users who have rules, a tenth of which are others in each round.
func manyUsers(count, round int) string {
	var b strings.Builder
	b.WriteString("no_auth_user: anybody\nauthorization { users: [\n" + anybody + "\n")
	for i := range count {
		rule := 0
		if i%10 == round%10 {
			rule = round
		}
		fmt.Fprintf(&b, " { user: u%d, password: p%d, permissions: { publish: { allow: [\"out.%d.>\", \"r.%d\"] }, subscribe: { allow: [\"in.%d.>\", \"all\"], deny: [\"in.%d.x%d\"] } } }\n", i, i, i, rule, i, i, rule)
	}
	b.WriteString("] }\n")
	return b.String()
}

// Users with rules by the thousands, each connected and subscribed, are reloaded while others exchange messages: how long
// a loop does not look at its sockets, and what is lost.
func TestReloadOfManyUsersUnderLoad(t *testing.T) {
	users, rounds := Scale(500, 10_000), Scale(2, 5)
	s := Setting{Options: transcript.Options{"max_control_line": "4096"}}
	b := startReloader(t, s, manyUsers(users, 0))
	var all []*Client
	for i := range users {
		c, err := dialAs(b.Address(), fmt.Sprint("u", i), fmt.Sprint("p", i), Patience)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Conn.Close()
		if err := c.Send(fmt.Sprintf("SUB in.%d.* 1\r\nSUB in.%d.a q 2\r\nSUB in.%d.x1 3\r\n", i, i, i)); err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
	}
	crowd := NewSwarm(t, b.Address())
	from, numbers := newPublishers(t, b.Broker, 2)
	crowd.Join(t, 20, Subscription{Subject: "load", From: numbers})
	stop := make(chan struct{})
	var running sync.WaitGroup
	for _, p := range from {
		running.Go(func() { // ends with stop
			if err := p.Run(Plan{Subject: Always("load"), Size: Bytes(200), Rate: 2000, Window: 400, Behind: crowd.Behind(from...), Stop: stop}); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(time.Second) // connecting them does not count
	quiet := b.longestStall(3*time.Second, nil)
	var stall, slowest time.Duration
	for round := range rounds {
		time.Sleep(1100 * time.Millisecond) // what was before does not count
		b.write(manyUsers(users, round+1))
		ended := make(chan struct{})
		running.Go(func() { // ends with the reload
			defer close(ended)
			line, took := b.reload()
			slowest = max(slowest, took)
			if !strings.HasPrefix(line, "Reloaded") {
				t.Errorf("the reload ends with %q", line)
			}
		})
		stall = max(stall, b.longestStall(time.Second, ended))
	}
	close(stop)
	running.Wait()
	crowd.Settle(t)
	crowd.MustHaveAll(t, "subscribers", from...)
	told := 0
	for i, c := range all {
		errors, err := c.errorsBeforePong()
		if err != nil {
			t.Fatalf("u%d: %v", i, err)
		}
		told += errors
	}
	if want := users / 10; told < want {
		t.Errorf("%d subscriptions were taken away, want %d at least", told, want)
	}
	Judge(t, stall <= stallMax, "a loop stood still for %v; without a reload for %v", stall, quiet)
	lost := uint64(0)
	for _, p := range from {
		lost += crowd.Missing(p.ID, p.Sent())
	}
	Report(t, "reload", "users with rules reloaded under load: longest time a loop does not look at its sockets, and messages lost", s.Name(), Figures{
		"users": users, "connected": len(all), "reloads": rounds, "longest_stall_ms": float64(stall.Microseconds()) / 1000,
		"longest_stall_before_ms": float64(quiet.Microseconds()) / 1000, "slowest_reload_ms": slowest.Milliseconds(),
		"subscriptions_removed": told, "lost": lost, "delivered": crowd.Tally().Delivered, "ended": crowd.Tally().Ended,
	})
}

// longestStall is the longest time a loop has not looked at its sockets, for a time and until something has ended. What
// /varz tells is of the last second.
func (r *reloader) longestStall(d time.Duration, ended <-chan struct{}) (longest time.Duration) {
	for start := time.Now(); time.Since(start) < d || !over(ended); time.Sleep(200 * time.Millisecond) {
		longest = max(longest, r.look().longest())
	}
	http.DefaultClient.CloseIdleConnections()
	return longest
}

func over(ended <-chan struct{}) bool {
	if ended == nil {
		return true
	}
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

// errorsBeforePong counts the -ERR that came so far.
func (c *Client) errorsBeforePong() (count int, err error) {
	c.Conn.SetReadDeadline(time.Now().Add(Patience))
	if err := c.Send("PING\r\n"); err != nil {
		return 0, err
	}
	for {
		line, err := c.in.ReadString('\n')
		switch {
		case err != nil:
			return count, err
		case strings.HasPrefix(line, "PONG"):
			return count, nil
		case strings.HasPrefix(line, "-ERR"):
			count++
		}
	}
}
