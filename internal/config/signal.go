package config

import (
	"fmt"
	"strings"
)

// A Signal is what --signal asks for: a command for a broker that runs.
type Signal struct {
	Command string // one of SignalCommands
	Target  string // a pid, the beginning of several with a * behind, or the path of a pid file; empty: the only one there is
}

// SignalCommands are what --signal can send, nats-server's names.
var SignalCommands = []string{"stop", "quit", "term", "reopen", "reload", "ldm"}

// setSignal reads command[=target].
func setSignal(d *draft, s string) error {
	command, target, _ := strings.Cut(s, "=")
	for _, known := range SignalCommands {
		if command == known {
			d.Signal = &Signal{command, target}
			return nil
		}
	}
	return malformed(fmt.Sprintf("one of %s is wanted, with =pid or =pidfile behind it", strings.Join(SignalCommands, ", ")))
}
