package chaos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// crowdVariable makes the test's program a crowd instead.
const crowdVariable = "GNATSD_EV_CHAOS_CROWD"

// crowdOrder is what a crowd is told at its start.
type crowdOrder struct {
	Address      string
	Count        int
	Subscription Subscription
}

// A CrowdReport is what a crowd has got so far.
type CrowdReport struct {
	Tally       Tally
	Least, Most uint64 // messages a member that is still connected has had
}

// A Crowd is a Swarm in a process of its own, which signals can be sent to.
type Crowd struct {
	cmd     *exec.Cmd
	orders  io.WriteCloser
	reports *bufio.Scanner
}

// StartCrowd connects count subscribers from another process, which is killed when the
// test ends.
func StartCrowd(t testing.TB, address string, count int, sub Subscription) *Crowd {
	t.Helper()
	order, err := json.Marshal(crowdOrder{address, count, sub})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &Crowd{cmd: exec.Command(self)}
	c.cmd.Env = append(os.Environ(), crowdVariable+"="+string(order))
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if c.orders, err = c.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.reports = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Kill)
	c.report(t)
	return c
}

// Signal sends the crowd a signal.
func (c *Crowd) Signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if err := c.cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the crowd at once.
func (c *Crowd) Kill() {
	_ = c.cmd.Process.Kill() // fails only when it is gone
	_ = c.cmd.Wait()         // a status that is the signal's
}

// Settle has the crowd wait for everything the broker has for it, and report.
func (c *Crowd) Settle(t testing.TB) CrowdReport {
	t.Helper()
	if _, err := io.WriteString(c.orders, "settle\n"); err != nil {
		t.Fatal(err)
	}
	return c.report(t)
}

func (c *Crowd) report(t testing.TB) CrowdReport {
	t.Helper()
	var r CrowdReport
	if !c.reports.Scan() {
		t.Fatalf("a crowd has ended: %v", c.reports.Err())
	}
	if err := json.Unmarshal(c.reports.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// serveCrowd is the whole of a crowd's process; false if this is none.
func serveCrowd() (code int, crowd bool) {
	text := os.Getenv(crowdVariable)
	if text == "" {
		return 0, false
	}
	if err := beCrowd([]byte(text)); err != nil {
		fmt.Fprintln(os.Stderr, "crowd:", err)
		return 1, true
	}
	return 0, true
}

func beCrowd(text []byte) error {
	var order crowdOrder
	if err := json.Unmarshal(text, &order); err != nil {
		return err
	}
	s, err := newSwarm(order.Address)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.join(order.Count, order.Subscription); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for orders := bufio.NewScanner(os.Stdin); ; {
		if err := out.Encode(s.crowdReport()); err != nil {
			return err
		}
		if !orders.Scan() {
			return orders.Err()
		}
		if err := s.settle(); err != nil {
			return err
		}
	}
}

func (s *Swarm) crowdReport() CrowdReport {
	r := CrowdReport{Tally: s.Tally()}
	s.mu.Lock()
	defer s.mu.Unlock()
	first := true
	for _, m := range s.members {
		if m.over {
			continue
		}
		if first || m.got < r.Least {
			r.Least = m.got
		}
		r.Most, first = max(r.Most, m.got), false
	}
	return r
}
