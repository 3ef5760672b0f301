// Package candidate runs the gnatsd-ev binary under test as a process.
package candidate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gnatsd-ev/internal/transcript"
)

const (
	startTimeout = 15 * time.Second // until the ports file is there
	stopTimeout  = 10 * time.Second // from SIGTERM to the exit
	dumpTimeout  = 2 * time.Second  // from SIGQUIT to the exit
	pollEvery    = 2 * time.Millisecond
)

// A Setting says how to start the binary. Its zero value means no options, any
// port and the number of loops the binary chooses.
type Setting struct {
	// Options become flags of the same names; a configuration becomes a file first.
	Options transcript.Options
	// Flags are further arguments.
	Flags []string
	// Env are NAME=value pairs beside those of this process.
	Env []string
	// Loops is the number of event loops; 0 leaves it to the binary.
	Loops int
	// Port is the port to listen on; 0 takes any free one.
	Port int
	// Wrapper is a command that the binary's command line is appended to,
	// as in strace -f.
	Wrapper []string
}

// Build builds a program into dir and returns its path. It is run in this module or,
// with at, in another directory, as go build is.
func Build(dir, at, name, pkg string, flags ...string) (string, error) {
	path := filepath.Join(dir, name)
	cmd := exec.Command("go", append(append([]string{"build", "-o", path}, flags...), pkg)...)
	cmd.Dir = at
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return path, nil
}

// A Process is a running gnatsd-ev.
type Process struct {
	// Pid is the process id of the broker, not of a wrapper around it.
	Pid int

	cmd     *exec.Cmd
	exited  chan struct{} // closed when cmd has ended; err is set by then
	err     error
	address string
	monitor string
	output  *lockedBuffer

	stopOnce sync.Once
	stopErr  error // what the first Stop returned
}

// Start runs the binary with a setting and returns when it listens. dir is an
// empty directory for its ports file. The caller must Stop it.
func Start(binary, dir string, s Setting) (*Process, error) {
	port := s.Port
	if port == 0 {
		port = -1
	}
	line := append(append([]string{}, s.Wrapper...), binary,
		"-a", "127.0.0.1", "-p", strconv.Itoa(port), "--ports_file_dir", dir)
	if s.Loops > 0 {
		line = append(line, "--loops", strconv.Itoa(s.Loops))
	}
	for name, value := range s.Options {
		if name == transcript.ConfigOption {
			file := filepath.Join(dir, "gnatsd-ev.conf")
			if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
				return nil, err
			}
			value = file
		}
		line = append(line, "--"+name+"="+value) // so that booleans take it as well
	}
	line = append(line, s.Flags...)
	p := &Process{cmd: exec.Command(line[0], line[1:]...), exited: make(chan struct{}), output: &lockedBuffer{}}
	p.cmd.Stdout, p.cmd.Stderr = p.output, p.output
	p.cmd.Env = append(os.Environ(), s.Env...)
	// A test that is killed must not leave brokers behind.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", strings.Join(line, " "), err)
	}
	go func() { // ends with the process
		p.err = p.cmd.Wait()
		close(p.exited)
	}()
	if err := p.awaitPorts(dir, filepath.Base(binary)); err != nil {
		p.Kill()
		return nil, fmt.Errorf("%s: %w\n%s", strings.Join(line, " "), err, p.Output())
	}
	return p, nil
}

// awaitPorts waits for the ports file, which the binary writes once it
// listens, and takes pid and address from it.
func (p *Process) awaitPorts(dir, base string) error {
	pattern := filepath.Join(dir, base+"_*.ports")
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(pollEvery) {
		select {
		case <-p.exited:
			return fmt.Errorf("ended before it listened: %v", p.err)
		default:
		}
		found, _ := filepath.Glob(pattern) // fails only for a bad pattern
		if len(found) == 0 {
			continue
		}
		if p.readPorts(found[0], base) == nil {
			return nil
		}
	}
	return fmt.Errorf("wrote no usable %s in %v", pattern, startTimeout)
}

func (p *Process) readPorts(path, base string) error {
	var ports struct {
		Nats       []string `json:"nats"`
		Monitoring []string `json:"monitoring"`
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &ports); err != nil {
		return err
	}
	if len(ports.Nats) == 0 {
		return errors.New("no nats address in the ports file")
	}
	name := strings.TrimSuffix(filepath.Base(path), ".ports")
	if p.Pid, err = strconv.Atoi(strings.TrimPrefix(name, base+"_")); err != nil {
		return err
	}
	_, p.address, _ = strings.Cut(ports.Nats[0], "://")
	if len(ports.Monitoring) > 0 {
		p.monitor = strings.TrimPrefix(ports.Monitoring[0], "http://")
	}
	return nil
}

// Address is the host and port clients connect to.
func (p *Process) Address() string { return p.address }

// Monitor is the host and port of its monitor, if it was given an http_port.
func (p *Process) Monitor() string { return p.monitor }

// Dial opens a connection to the broker.
func (p *Process) Dial() (net.Conn, error) { return net.Dial("tcp", p.address) }

// Output is what the process has written to its standard outputs.
func (p *Process) Output() string { return p.output.String() }

// Running says whether the process has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Stop ends the process with SIGTERM. Its error is that of a process that had
// ended before, does not end, or ends with a status that is not 0. Further calls
// return what the first one did.
func (p *Process) Stop() error {
	p.stopOnce.Do(func() { p.stopErr = p.end(syscall.SIGTERM, stopTimeout) })
	return p.stopErr
}

// Retire ends the process with SIGUSR2, lame duck mode, which may take as long as patience.
// Further calls, and those of Stop, return what the first one did.
func (p *Process) Retire(patience time.Duration) error {
	p.stopOnce.Do(func() { p.stopErr = p.end(syscall.SIGUSR2, patience) })
	return p.stopErr
}

func (p *Process) end(by syscall.Signal, patience time.Duration) error {
	if !p.Running() {
		return fmt.Errorf("had ended by itself: %v\n%s", p.err, p.Output())
	}
	// Fails only for a process that ends right now, which the wait sees.
	_ = syscall.Kill(p.Pid, by)
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.dump()
		p.Kill()
		return fmt.Errorf("still running %v after signal %q\n%s", patience, by, p.Output())
	}
	if p.err != nil {
		return fmt.Errorf("signal %q ended it with %w\n%s", by, p.err, p.Output())
	}
	return nil
}

// dump has a process that does not end write the stacks of its goroutines to
// its output, for the report.
func (p *Process) dump() {
	_ = syscall.Kill(p.Pid, syscall.SIGQUIT) // fails only when it is gone
	select {
	case <-p.exited:
	case <-time.After(dumpTimeout):
	}
}

// Kill ends the process and its wrapper at once with SIGKILL: they are a process
// group. A Stop behind it reports that.
func (p *Process) Kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // fails only when they are gone
	<-p.exited
}

// CPU is the processor time the process has used so far, in all its threads.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Pid))
	if err != nil {
		return 0, err
	}
	// The command's name is in parentheses and may hold anything; fields
	// are counted after it. utime and stime are the 14th and 15th of all.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("unexpected /proc stat %q", text)
	}
	const ticksPerSecond = 100 // USER_HZ, the same on every Linux Go runs on
	ticks := 0
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// A lockedBuffer collects what a process writes while tests read it. Its lock
// guards buf.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write appends p.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// String is everything so far.
func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
