package chaos

import (
	"fmt"
	"testing"
	"time"

	"gnatsd-ev/conformance/fault"
	"gnatsd-ev/internal/transcript"
)

// T19: accept fails fifty times on end, for every reason it has: nobody loses a connection,
// and who waits is served.
func TestAcceptFailsFiftyTimes(t *testing.T) {
	errors := Scale([]string{"EMFILE", "EPERM"},
		[]string{"EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO", "EHOSTUNREACH", "ECONNABORTED", "EINTR"})
	times := Scale(10, 50)
	var failed, lost, unserved int
	var worst time.Duration
	for _, errno := range errors {
		b := Start(t, Setting{Loops: 2})
		crowd, from := NewSwarm(t, b.Address()), NewPublisher(t, b.Address(), 1)
		crowd.Join(t, 12, Subscription{Subject: "accept", From: []uint16{1}})
		faults := fault.Inject(t, b.Process, fault.Fault{Calls: fault.AcceptCalls, Errno: errno, When: fmt.Sprintf("1..%d", times)})
		end := publishing(t, from, Plan{Subject: Always("accept"), Size: Bytes(100), Rate: 200})
		start := time.Now()
		fresh := NewIdlers(t, b.Address(), 20)
		for i := range fresh.Len() {
			if _, err := fresh.Greeted(i, Patience); err != nil {
				t.Errorf("%s: the %d. to connect: %v", errno, i+1, err)
				unserved++
			}
		}
		worst = max(worst, time.Since(start))
		end()
		crowd.Settle(t)
		crowd.MustHaveAll(t, "who was connected when accept failed with "+errno, from)
		lost += crowd.Tally().Ended
		n := faults.Count(t)
		if n == 0 {
			t.Errorf("%s: no call failed: the test has shown nothing", errno)
		}
		failed += n
	}
	Report(t, "T19", "accept fails for every reason, many times on end: nobody is lost, all are served", "gnatsd-ev", Figures{
		"reasons": len(errors), "failed_calls": failed, "lost": lost, "unserved": unserved, "served_after_s_worst": worst.Seconds(),
	})
}

// A trial of T20 is one kind of call failing for one reason.
type trial struct {
	calls, errno string
	passing      bool // the call is to be repeated: nobody may be lost
	batched      bool // writes go through io_uring
}

var trials = []trial{
	{fault.ReadCalls, "EINTR", true, false},
	{fault.WriteCalls, "EINTR", true, false},
	{fault.WriteCalls, "ENOBUFS", true, false},
	{fault.WaitCalls, "EINTR", true, false},
	{fault.BatchCalls, "EINTR", true, true},
	{fault.BatchCalls, "EBUSY", true, true},
	{fault.ReadCalls, "ECONNRESET", false, false},
	{fault.ReadCalls, "EIO", false, false},
	{fault.WriteCalls, "EPIPE", false, false},
	{fault.WriteCalls, "EHOSTUNREACH", false, false},
	{fault.RegisterCalls, "ENOSPC", false, false},
}

// T20: the N-th read, write, wait or registration of the loop fails, for many N: an error that passes
// costs nobody anything, any other only the connection whose call it was.
func TestTheNthCallFails(t *testing.T) {
	which := Scale([]int{2}, []int{1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 200})
	var runs, failed, lostPassing, lostOther, died int
	for _, try := range trials {
		for _, n := range which {
			t.Run(fmt.Sprintf("%.8s-%s-%d", try.calls, try.errno, n), func(t *testing.T) {
				hits, lost, alive := failNth(t, try, n)
				runs++
				failed += hits
				switch {
				case !alive:
					died++
					t.Error("the broker has ended")
				case try.passing:
					lostPassing += lost
					must(t, Setting{}, lost == 0, "%d connections were lost for %s", lost, try.errno)
				default:
					lostOther += lost
					must(t, Setting{}, lost <= hits, "%d connections were lost and %d calls failed", lost, hits)
				}
			})
		}
	}
	if failed == 0 {
		t.Error("no call failed: the test has shown nothing")
	}
	Report(t, "T20", "the N-th call fails: errors that pass cost nobody, others one connection each", "gnatsd-ev", Figures{
		"runs": runs, "failed_calls": failed, "lost_for_passing_errors": lostPassing, "lost_for_others": lostOther, "broker_ended": died,
	})
}

// failNth returns how many calls failed and how many connections were lost.
func failNth(t *testing.T, try trial, n int) (hits, lost int, alive bool) {
	t.Helper()
	ring := "off"
	if try.batched {
		ring = "auto"
	}
	b := Start(t, Setting{Loops: 1, Options: transcript.Options{"io_uring": ring}, Flags: []string{"--pin", "on"}})
	crowd := NewSwarm(t, b.Address())
	crowd.Join(t, 12, Subscription{Subject: "nth", From: []uint16{1}, Joins: true})
	faults := fault.Inject(t, b.Process, fault.Fault{
		Calls: try.calls, Errno: try.errno, When: fmt.Sprint(n), Thread: fault.LoopThread(t, b.Process),
	})
	// Who publishes comes anew each time: a connection that is lost is one of theirs or of the crowd's.
	const rounds, each, size = 30, 5, 100
	for round := range uint64(rounds) {
		c, err := Dial(b.Address())
		if err != nil {
			lost++
			continue
		}
		for i := range uint64(each) {
			text := appendPayload([]byte(fmt.Sprintf("PUB nth %d\r\n", size)), 1, round*each+i, size)
			if err = c.Send(string(text) + "\r\n"); err == nil {
				_, err = c.Ping()
			}
			if err != nil {
				lost++
				break
			}
		}
		c.Conn.Close()
	}
	crowd.Settle(t)
	tally := crowd.Tally()
	if tally.Altered > 0 || tally.Late > 0 || try.passing && (tally.Gaps > 0 || crowd.Missing(1, rounds*each) > 0) {
		t.Errorf("%d are missing, %v", crowd.Missing(1, rounds*each), tally)
	}
	return faults.Count(t), lost + tally.Ended, b.Running()
}
