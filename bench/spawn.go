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
	config string // a file we have written for it
}

// Spawn starts a broker and waits until it greets a client. In command, split at
// blanks, {port} becomes a free port on 127.0.0.1 for clients and {profile}
// one for net/http/pprof, {monitor} one for /varz. It is killed when ctx ends.
// Its clients encrypt and log in as like says.
func Spawn(ctx context.Context, like Target, command string) (*Spawned, error) {
	return Contender{Protocol: like.Protocol, Command: strings.Fields(command), tls: like.TLS, login: like.Login, free: like.Free}.Spawn(ctx)
}

// Spawn is the function Spawn for a contender.
func (c Contender) Spawn(ctx context.Context) (*Spawned, error) {
	if len(c.Command) == 0 {
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
	s.Target.Protocol, s.Target.TLS, s.Target.Login, s.Target.Free = c.Protocol, c.tls, c.login, c.free
	s.Target.Addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port))
	monitor, err := freePort()
	if err != nil {
		return nil, err
	}
	fill := strings.NewReplacer("{port}", strconv.Itoa(port), "{profile}", strconv.Itoa(profile), "{monitor}", strconv.Itoa(monitor))
	if c.Config != "" {
		if s.config, err = writeConfig(fill.Replace(c.Config)); err != nil {
			return nil, err
		}
	}
	args := make([]string, len(c.Command))
	for i, a := range c.Command {
		if strings.Contains(a, "{profile}") {
			s.Target.Profile = profile
		}
		if strings.Contains(a, "{monitor}") {
			s.Target.Monitor = netip.AddrPortFrom(s.Target.Addr.Addr(), uint16(monitor)).String()
		}
		args[i] = strings.ReplaceAll(fill.Replace(a), "{config}", s.config)
	}
	s.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = &s.words, &s.words
	// A group of its own: an interrupt at the keyboard is for us, and we stop it.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		s.removeConfig()
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
		if _, err := dialects[s.Target.Protocol].greet(s.Target); err == nil {
			return nil
		}
	}
	return fmt.Errorf("no greeting on %s within %v", s.Target.Addr, startTime)
}

// Stop ends the broker, by force if it takes too long.
func (s *Spawned) Stop() {
	defer s.removeConfig()
	_ = s.cmd.Process.Signal(os.Interrupt) // it may have ended by itself
	select {
	case <-s.exited:
	case <-time.After(endTime):
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
}

// writeConfig writes a broker's configuration to a file of its own.
func writeConfig(text string) (string, error) {
	f, err := os.CreateTemp("", "gnatsd-ev-bench-*.conf")
	if err != nil {
		return "", fmt.Errorf("write the broker's configuration: %w", err)
	}
	_, err = f.WriteString(text)
	return f.Name(), errors.Join(err, f.Close())
}

func (s *Spawned) removeConfig() {
	if s.config != "" {
		_ = os.Remove(s.config) // one small file in the directory for such files
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
