package server

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"gnatsd-ev/internal/config"
)

// processName is how a broker is found that is told neither by its pid nor by its pid file.
const processName = "gnatsd-ev"

// signalNumbers are what the commands of --signal stand for, as in nats-server.
var signalNumbers = map[string]syscall.Signal{
	"stop": syscall.SIGKILL, "quit": syscall.SIGINT, "term": syscall.SIGTERM,
	"reopen": syscall.SIGUSR1, "reload": syscall.SIGHUP, "ldm": syscall.SIGUSR2,
}

// sendSignal does what --signal asks for.
func sendSignal(s config.Signal) error {
	pids, err := signalled(s.Target)
	if err != nil {
		return err
	}
	var failed []error
	for _, pid := range pids {
		if err := syscall.Kill(pid, signalNumbers[s.Command]); err != nil {
			failed = append(failed, fmt.Errorf("signal %q %d: %w", s.Command, pid, err))
		}
	}
	return errors.Join(failed...)
}

// signalled returns the processes a target stands for, one at least.
func signalled(target string) ([]int, error) {
	stem, many := strings.CutSuffix(target, "*")
	switch {
	case target == "":
		pids, err := running("")
		if err == nil && len(pids) > 1 {
			return nil, fmt.Errorf("multiple %s processes running, say which: --signal=command=pid\n%s", processName, lines(pids))
		}
		return pids, err
	case many && strings.Trim(stem, "0123456789") == "":
		return running(stem)
	case strings.Trim(target, "0123456789") == "":
		pid, err := readPid([]byte(target))
		if err != nil {
			return nil, err
		}
		return []int{pid}, nil
	}
	text, err := os.ReadFile(target)
	if err != nil {
		return nil, fmt.Errorf("reading the pid file: %w", err)
	}
	pid, err := readPid(text)
	if err != nil {
		return nil, fmt.Errorf("pid file %s: %w", target, err)
	}
	return []int{pid}, nil
}

// readPid reads a decimal number that can be a process: 0 and negative ones are groups of them.
func readPid(text []byte) (int, error) {
	pid, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 32)
	if err != nil || pid < 1 {
		return 0, fmt.Errorf("invalid pid: %.20q", text)
	}
	return int(pid), nil
}

// running returns the brokers that run, but this process, whose pids begin with stem.
func running(stem string) ([]int, error) {
	out, err := exec.Command("pgrep", "-x", processName).Output()
	if status, ok := errors.AsType[*exec.ExitError](err); ok && status.ExitCode() == 1 {
		err = nil // nobody is called so
	}
	if err != nil {
		return nil, fmt.Errorf("looking for processes with pgrep: %w; --signal=command=pid does without", err)
	}
	var pids []int
	for _, word := range bytes.Fields(out) {
		if pid, err := readPid(word); err == nil && pid != os.Getpid() && bytes.HasPrefix(word, []byte(stem)) {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return nil, fmt.Errorf("no %s processes running", processName)
	}
	return pids, nil
}

// lines writes one number a line.
func lines(pids []int) string {
	var b strings.Builder
	for _, pid := range pids {
		fmt.Fprintln(&b, pid)
	}
	return strings.TrimSuffix(b.String(), "\n")
}
