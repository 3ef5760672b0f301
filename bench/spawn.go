package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startTime = 10 * time.Second // a broker may take to answer
	endTime   = 5 * time.Second  // and to end when asked, before it is killed
	wordsMax  = 4 << 10          // of what it printed, kept for the error
)

// A Spawned broker is one we have started and will stop.
type Spawned struct {
	Target Target
	cmd    *exec.Cmd
	words  tail
	exited chan error
}

// Spawn starts a broker and waits until it greets a client. In command, split at
// blanks, {port} becomes a free port on 127.0.0.1 for clients and {profile}
// one for net/http/pprof. It is killed when ctx ends.
func Spawn(ctx context.Context, command string) (*Spawned, error) {
	return SpawnArgs(ctx, strings.Fields(command))
}

// SpawnArgs is Spawn for a command that is split already.
func SpawnArgs(ctx context.Context, command []string) (*Spawned, error) {
	if len(command) == 0 {
		return nil, errors.New("no broker to start: the command is empty")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	profile, err := freePort()
	if err != nil {
		return nil, err
	}
	s := &Spawned{exited: make(chan error, 1)}
	s.Target.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	args := make([]string, len(command))
	for i, a := range command {
		if strings.Contains(a, "{profile}") {
			s.Target.Profile = profile
		}
		args[i] = strings.NewReplacer("{port}", strconv.Itoa(port), "{profile}", strconv.Itoa(profile)).Replace(a)
	}
	s.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = &s.words, &s.words
	// A group of its own: an interrupt at the keyboard is for us, and we stop it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start broker: %w", err)
	}
	s.Target.Process = Process(s.cmd.Process.Pid)
	go func() { s.exited <- s.cmd.Wait() }() // ends with the broker
	if err := s.await(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("%s: %w; it said: %s", strings.Join(args, " "), err, s.words.text())
	}
	return s, nil
}

// await waits until the broker greets.
func (s *Spawned) await() error {
	for end := time.Now().Add(startTime); time.Now().Before(end); {
		select {
		case err := <-s.exited:
			s.exited <- err
			return fmt.Errorf("broker ended at once: %w", errors.Join(err, errors.New("it does not serve")))
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := greet(s.Target.Addr, Login{}); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no greeting on %s within %v", s.Target.Addr, startTime)
}

// Stop ends the broker, by force if it takes too long.
func (s *Spawned) Stop() {
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended by itself
	select {
	case <-s.exited:
	case <-time.After(endTime):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

// freePort is a port nobody listens on at the moment.
func freePort() (int, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port, nil
}

// A tail keeps the end of what is written to it. exec writes from one
// goroutine, which has ended when Wait returns.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p...)
	if extra := len(t.b) - wordsMax; extra > 0 {
		t.b = append(t.b[:0], t.b[extra:]...)
	}
	return len(p), nil
}

func (t *tail) text() string { return strings.TrimSpace(string(t.b)) }
