// Package fault makes system calls of a running broker fail, with strace. It is attached when the
// broker runs and has connections, so that neither the start of the program nor Go's own set-up
// meets a fault.
package fault

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
)

// The calls a broker may use for one purpose; which it does is its business.
const (
	AcceptCalls   = "accept,accept4"
	ReadCalls     = "read,readv,recvfrom,recvmsg"
	WriteCalls    = "write,writev,sendto,sendmsg"
	BatchCalls    = "io_uring_enter"
	WaitCalls     = "epoll_wait,epoll_pwait,epoll_pwait2"
	RegisterCalls = "epoll_ctl"
)

// A Fault is what happens to system calls of a running broker.
type Fault struct {
	Calls, Errno string
	When         string // which of each thread's calls, as strace counts: 3, 1..50, 1+7
	Path         string // only calls on this; empty is all
	Thread       int    // only calls of this one; 0 is all
}

// Faults is strace at work.
type Faults struct {
	cmd *exec.Cmd
	log string
}

// straceSettles is what threads are given to stop for strace the first time: until then
// their calls go unseen.
const straceSettles = 100 * time.Millisecond

// attachTime is how long strace may take to begin.
const attachTime = 30 * time.Second

// Inject lets calls of a running broker fail until the broker has ended.
func Inject(t testing.TB, p *candidate.Process, f Fault) *Faults {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace to make system calls fail with")
	}
	i := &Faults{log: filepath.Join(t.TempDir(), "strace")}
	who := []string{"-f", "-p", fmt.Sprint(p.Pid)}
	if f.Thread != 0 {
		who = []string{"-p", fmt.Sprint(f.Thread)}
	}
	args := append(who, "-o", i.log, "-e", "trace="+f.Calls,
		"-e", fmt.Sprintf("inject=%s:error=%s:when=%s", f.Calls, f.Errno, f.When))
	if f.Path != "" {
		args = append(args, "-P", f.Path)
	}
	i.cmd = exec.Command(strace, args...)
	said, err := i.cmd.StderrPipe()
	if err == nil {
		err = i.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Detached in the middle of a fault strace leaves an ENOSYS behind that no
		// kernel returns: it ends with the broker.
		_ = p.Stop()     // told by who started it
		_ = i.cmd.Wait() // a status that is the broker's
	})
	attached := make(chan string, 1)
	go func() { // ends with strace
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			select {
			case attached <- lines.Text():
			default: // the first line says it all
			}
		}
	}()
	select {
	case line := <-attached:
		if strings.Contains(line, "Operation not permitted") {
			t.Skipf("strace may not attach here: %s", line)
		}
		if !strings.Contains(line, "attached") {
			t.Fatalf("strace: %s", line)
		}
	case <-time.After(attachTime):
		t.Fatal("strace does not attach")
	}
	time.Sleep(straceSettles)
	return i
}

// LoopThread is the thread of the only loop of a broker that was started with --pin=on, or 0 if it cannot be
// told from others: it alone is bound to one processor. Go's own threads write to descriptors of theirs, and
// Go ends a program whose write of that kind fails.
func LoopThread(t testing.TB, p *candidate.Process) int {
	t.Helper()
	found := 0
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", p.Pid, task.Name())) // it may have ended
		_, list, _ := strings.Cut(string(status), "Cpus_allowed_list:")
		list, _, _ = strings.Cut(list, "\n")
		if list == "" || strings.ContainsAny(list, ",-") {
			continue
		}
		if found != 0 {
			return 0
		}
		if found, err = strconv.Atoi(task.Name()); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// Count is how many calls have failed so far.
func (i *Faults) Count(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(i.log)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "(INJECTED)")
}
