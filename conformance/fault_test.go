package conformance

// System calls that fail: package fault makes them, gnatsd-ev has to live with them.

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/conformance/fault"
)

// inject lets calls of a process fail until the test ends. It ends the process
// then, and fails the test if no call has failed.
func inject(t *testing.T, p *candidate.Process, f fault.Fault) {
	t.Helper()
	faults := fault.Inject(t, p, f)
	t.Cleanup(func() {
		if !t.Skipped() && faults.Count(t) == 0 {
			t.Error("no call failed: the test has shown nothing")
		}
	})
}

// TestAcceptFaults: whatever accept says, nobody loses a connection and those
// who wait are served soon after.
func TestAcceptFaults(t *testing.T) {
	for _, errno := range []string{
		"EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EPERM", "EPROTO", "EHOSTUNREACH", "ECONNABORTED", "EINTR", "EAGAIN",
	} {
		t.Run(errno, func(t *testing.T) {
			t.Parallel()
			p := process(t, candidate.Setting{Loops: 2})
			veterans := mustGreet(t, p, 4, wait)
			inject(t, p, fault.Fault{Calls: fault.AcceptCalls, Errno: errno, When: "1..3"})
			if errno == "EAGAIN" {
				// Edge-triggered, a broker that believes in EAGAIN waits
				// for somebody new: they come one by one until it is over.
				nudge(t, p)
			}
			fresh := mustGreet(t, p, 5, wait)
			mustPing(t, veterans, wait)
			mustPing(t, fresh, wait)
		})
	}
}

// nudge connects again and again until somebody is greeted.
func nudge(t *testing.T, p *candidate.Process) {
	t.Helper()
	for range 20 {
		if _, err := dialRaw(t, p, 200*time.Millisecond); err == nil {
			return
		}
	}
	t.Error("nobody of 20 was greeted")
}

// TestInterruptedCalls: EINTR is no error, wherever it comes.
func TestInterruptedCalls(t *testing.T) {
	for _, f := range []fault.Fault{
		{Calls: fault.ReadCalls, Errno: "EINTR", When: "1+3"},
		{Calls: fault.WriteCalls + "," + fault.BatchCalls, Errno: "EINTR", When: "1+3"},
		{Calls: fault.WaitCalls, Errno: "EINTR", When: "1+2"},
	} {
		name, _, _ := strings.Cut(f.Calls, ",")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := process(t, candidate.Setting{Loops: 2})
			clients := mustGreet(t, p, 6, wait)
			inject(t, p, f)
			for range 10 {
				mustPing(t, clients, wait)
			}
			sub := subscribe(t, connect(t, p), "interrupted", "")
			from := connect(t, p)
			for range 50 {
				publish(t, from, "interrupted", []byte("x"))
				flush(t, from)
			}
			for range 50 {
				next(t, sub)
			}
			mustGreet(t, p, 3, wait)
			mustPing(t, clients, wait)
		})
	}
}

// TestOneConnectionFails: an error of one connection's socket is the error of
// that connection. EAGAIN of a write is not here: the kernel follows it up
// with an edge, strace does not.
func TestOneConnectionFails(t *testing.T) {
	for _, test := range []struct {
		fault.Fault
		survives bool // the connection itself has to, too
	}{
		{fault.Fault{Calls: fault.ReadCalls, Errno: "EAGAIN", When: "1"}, true},
		{fault.Fault{Calls: fault.ReadCalls, Errno: "EINTR", When: "1..5"}, true},
		{fault.Fault{Calls: fault.ReadCalls, Errno: "ECONNRESET", When: "1"}, false},
		{fault.Fault{Calls: fault.ReadCalls, Errno: "ETIMEDOUT", When: "1"}, false},
		{fault.Fault{Calls: fault.ReadCalls, Errno: "EIO", When: "1"}, false},
		{fault.Fault{Calls: fault.WriteCalls + "," + fault.BatchCalls, Errno: "EINTR", When: "1..5"}, true},
		{fault.Fault{Calls: fault.WriteCalls + "," + fault.BatchCalls, Errno: "ENOBUFS", When: "1"}, true},
		{fault.Fault{Calls: fault.WriteCalls + "," + fault.BatchCalls, Errno: "EPIPE", When: "1"}, false},
		{fault.Fault{Calls: fault.WriteCalls + "," + fault.BatchCalls, Errno: "EHOSTUNREACH", When: "1"}, false},
	} {
		name, _, _ := strings.Cut(test.Calls, ",")
		t.Run(name+"-"+test.Errno, func(t *testing.T) {
			t.Parallel()
			p := process(t, candidate.Setting{Loops: 2})
			others := mustGreet(t, p, 4, wait)
			victim := mustGreet(t, p, 1, wait)[0]
			test.Path = socketOf(t, p, victim)
			inject(t, p, test.Fault)
			alive := pingRepeatedly(victim)
			if test.survives && !alive {
				t.Error("the connection was lost for a passing error")
			}
			mustPing(t, others, wait)
			mustPing(t, mustGreet(t, p, 3, wait), wait)
		})
	}
}

// pingRepeatedly says whether a client gets a PONG for one of its PINGs. A
// call that was made to fail leaves no trace in the kernel, so that the broker
// may need a further PING to look again.
func pingRepeatedly(c *rawClient) bool {
	for range 10 {
		if c.ping(300*time.Millisecond) == nil {
			return true
		}
	}
	return false
}

// socketOf returns the broker's end of a connection as /proc names it.
func socketOf(t *testing.T, p *candidate.Process, c *rawClient) string {
	t.Helper()
	table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/tcp", p.Pid))
	if err != nil {
		t.Skipf("no table of sockets here: %v", err)
	}
	// Seen from the broker; the client's port alone may be in use towards
	// other brokers as well.
	local, remote := tableAddress(t, c.conn.RemoteAddr()), tableAddress(t, c.conn.LocalAddr())
	const inode = 9 // column
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) > inode && fields[1] == local && fields[2] == remote {
			return "socket:[" + fields[inode] + "]"
		}
	}
	t.Fatalf("no socket from %s to %s in\n%s", local, remote, table)
	return ""
}

// tableAddress is an address as the kernel's table writes it: the bytes of an
// IPv4 address as one little-endian number.
func tableAddress(t *testing.T, a net.Addr) string {
	t.Helper()
	tcp, ok := a.(*net.TCPAddr)
	if !ok || tcp.IP.To4() == nil {
		t.Fatalf("%v is no address of IPv4", a)
	}
	ip := tcp.IP.To4()
	return fmt.Sprintf("%02X%02X%02X%02X:%04X", ip[3], ip[2], ip[1], ip[0], tcp.Port)
}
