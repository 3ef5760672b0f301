package conformance

// System calls that fail: strace makes them, gnatsd-ev has to live with them.
// strace is attached when the broker runs and has connections, so that neither
// the start of the program nor Go's own set-up meets a fault.

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
)

// The calls a broker may use for one purpose; which it does is its business.
const (
	acceptCalls = "accept,accept4"
	readCalls   = "read,readv,recvfrom,recvmsg"
	writeCalls  = "write,writev,sendto,sendmsg,io_uring_enter"
	waitCalls   = "epoll_wait,epoll_pwait,epoll_pwait2"
)

// settle is what threads are given to stop for strace the first time: until
// then their calls go unseen.
const settle = 100 * time.Millisecond

// A fault is one thing strace does to system calls.
type fault struct {
	calls, errno string
	when         string // which of each thread's calls, as strace counts
	path         string // only calls on this; empty is all
}

// inject lets calls of a process fail until the test ends. It ends the process
// then, and fails the test if no call has failed.
func inject(t *testing.T, p *candidate.Process, f fault) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace to make system calls fail with")
	}
	log := filepath.Join(t.TempDir(), "strace")
	args := []string{"-f", "-p", fmt.Sprint(p.Pid), "-o", log, "-e",
		fmt.Sprintf("inject=%s:error=%s:when=%s", f.calls, f.errno, f.when)}
	if f.path != "" {
		args = append(args, "-P", f.path)
	}
	cmd := exec.Command(strace, args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// strace ends with the broker. Detached in the middle of a fault it
		// would leave an ENOSYS behind that no kernel returns.
		_ = p.Stop()   // told by who started it
		_ = cmd.Wait() // a status that is the broker's
		requireFaults(t, log)
	})
	attached := make(chan string, 1)
	go func() { // ends with strace
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			select {
			case attached <- lines.Text():
			default: // the first line says it all
			}
		}
		close(attached)
	}()
	select {
	case line := <-attached:
		if strings.Contains(line, "Operation not permitted") {
			t.Skipf("strace may not attach here: %s", line)
		}
		if !strings.Contains(line, "attached") {
			t.Fatalf("strace: %s", line)
		}
	case <-time.After(wait):
		t.Fatal("strace does not attach")
	}
	time.Sleep(settle)
}

// requireFaults fails a test in which no call failed.
func requireFaults(t *testing.T, log string) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "(INJECTED)") && !t.Skipped() {
		t.Error("no call failed: the test has shown nothing")
	}
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
			inject(t, p, fault{calls: acceptCalls, errno: errno, when: "1..3"})
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
	for _, f := range []fault{
		{calls: readCalls, errno: "EINTR", when: "1+3"},
		{calls: writeCalls, errno: "EINTR", when: "1+3"},
		{calls: waitCalls, errno: "EINTR", when: "1+2"},
	} {
		name, _, _ := strings.Cut(f.calls, ",")
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
		fault
		survives bool // the connection itself has to, too
	}{
		{fault{calls: readCalls, errno: "EAGAIN", when: "1"}, true},
		{fault{calls: readCalls, errno: "EINTR", when: "1..5"}, true},
		{fault{calls: readCalls, errno: "ECONNRESET", when: "1"}, false},
		{fault{calls: readCalls, errno: "ETIMEDOUT", when: "1"}, false},
		{fault{calls: readCalls, errno: "EIO", when: "1"}, false},
		{fault{calls: writeCalls, errno: "EINTR", when: "1..5"}, true},
		{fault{calls: writeCalls, errno: "ENOBUFS", when: "1"}, true},
		{fault{calls: writeCalls, errno: "EPIPE", when: "1"}, false},
		{fault{calls: writeCalls, errno: "EHOSTUNREACH", when: "1"}, false},
	} {
		name, _, _ := strings.Cut(test.calls, ",")
		t.Run(name+"-"+test.errno, func(t *testing.T) {
			t.Parallel()
			p := process(t, candidate.Setting{Loops: 2})
			others := mustGreet(t, p, 4, wait)
			victim := mustGreet(t, p, 1, wait)[0]
			test.path = socketOf(t, p, victim)
			inject(t, p, test.fault)
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
