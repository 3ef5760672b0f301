package server

import (
	"errors"
	"slices"
	"strings"
	"time"

	"gnatsd-ev/internal/broker"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

// reloads are what the goroutine of Run knows of reloads. One runs at a time, on a goroutine of its own: it may have
// to wait for the disk, and for loops, and signals must not.
type reloads struct {
	done   chan state    // gets the outcome of the one that runs; nil when none does
	quit   chan struct{} // closed when the program ends
	again  bool          // one more was asked for meanwhile
	reopen bool          // and to open the log file again
}

// A state is what is in force behind a reload.
type state struct {
	options *config.Options
	ports   string // the ports file
}

// errNoFile is for a reload without anything to read; nats-server's.
var errNoFile = errors.New("can only reload config when a file is provided using -c or --config")

// errEmpty is for a file that is just being written, as a rule: to take away all that it said would open the doors.
// nats-server does.
var errEmpty = errors.New("config has no values or is empty")

// reload begins to read the configuration anew.
func (s *server) reload() {
	r := &s.reloads
	if r.done != nil {
		r.again = true
		return
	}
	r.done, r.quit = make(chan state, 1), make(chan struct{})
	done, quit, now := r.done, r.quit, state{s.options, s.ports}
	go func() { // ends with the reload, or soon after quit
		done <- s.renew(now, quit)
	}()
}

// reloaded goes on behind a reload, with the next one if it was asked for.
func (s *server) reloaded(now state) {
	s.options, s.ports = now.options, now.ports
	s.expiry.watch(s.broker.Facts().CertNotAfter)
	was := s.reloads
	s.reloads = reloads{}
	if was.reopen {
		s.reopenLog()
	}
	if was.again {
		s.reload()
	}
}

// reloadWait is how long the end of the program waits for a reload.
const reloadWait = 4 * time.Second

// stopReload ends one that runs, as the program does.
func (s *server) stopReload() {
	r := &s.reloads
	if r.done == nil {
		return
	}
	close(r.quit)
	select {
	case now := <-r.done:
		s.options, s.ports = now.options, now.ports
	case <-s.broken: // no loop may answer any more
		s.isBroken() // for who asks next
	case <-time.After(reloadWait): // as a rule it waits for the disk or the net, and nothing is different yet
	}
	r.done = nil
}

// renew reads the configuration anew and puts it in force, or says why not. Everything that can fail is done before anything
// is different. It returns what is in force then.
func (s *server) renew(was state, quit <-chan struct{}) state {
	n, err := s.prepare(was.options)
	if err != nil {
		s.logRefusal(err)
		return was
	}
	select {
	case <-quit:
		if n.outlet != nil {
			n.outlet.Close()
		}
		return was
	default:
	}
	now := state{n.options, was.ports}
	for _, line := range n.lines {
		s.log.Infof("%s", line)
	}
	if n.options.ConfigDigest != was.options.ConfigDigest {
		s.remark(n.options, n.remarks)
	}
	s.rewriteFiles(was, &now)
	s.log.SetLevels(n.options.Debug, n.options.Trace)
	if n.outlet != nil {
		if err := s.log.Switch(n.outlet); err != nil {
			s.log.Errorf("Failed to switch the log: %v", err)
		}
	}
	if s.broker.Apply(n.change, quit) {
		s.log.Infof("Reloaded server configuration (%s)", n.options.ConfigDigest)
	}
	return now
}

// logRefusal says why a reload has changed nothing. A file may have many mistakes: each has a line of its own. What stands
// at those places is not shown: logs travel, and where a file is broken nobody knows what in it is secret.
func (s *server) logRefusal(err error) {
	first, rest, _ := strings.Cut(err.Error(), "\n")
	s.log.Errorf("Failed to reload server configuration: %s", first)
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, " ") {
			s.log.Errorf("  %s", strings.TrimSuffix(line, "\n"))
		}
	}
}

// news is a configuration that was read and found good, and all that was opened for it.
type news struct {
	options *config.Options
	remarks []string
	lines   []string // what changes, for the log
	outlet  *logging.Outlet
	change  *broker.Change
}

// prepare reads the configuration, and makes of it what there is to make.
func (s *server) prepare(was *config.Options) (n news, err error) {
	if was.ConfigFile == "" {
		return n, errNoFile
	}
	settings, err := config.Read(s.args)
	if err != nil {
		return n, err
	}
	if settings.Empty {
		return n, errEmpty
	}
	n.options, n.remarks = settings.Options, settings.Remarks
	s.settle(n.options)
	if n.lines, err = was.ChangesTo(n.options); err != nil {
		return n, err
	}
	if n.change, err = s.broker.Prepare(n.options); err != nil {
		return n, err
	}
	if line := n.options.TLS.Reloaded(); n.change.NewTLS && !slices.Contains(n.lines, line) {
		n.lines = append(n.lines, line)
	}
	if logsElsewhere(was, n.options) {
		n.outlet, err = logging.Open(logOptions(n.options, s.stderr))
	}
	return n, err
}

// logsElsewhere reports whether lines go to another place, or look otherwise.
func logsElsewhere(a, b *config.Options) bool {
	return a.LogFile != b.LogFile || a.Syslog != b.Syslog || a.RemoteSyslog != b.RemoteSyslog || a.Logtime != b.Logtime || a.LogtimeUTC != b.LogtimeUTC
}

// rewriteFiles writes the files that tell of us where they have moved. What fails is logged, as nats-server does: clients
// need none of it.
func (s *server) rewriteFiles(was state, now *state) {
	o := now.options
	if o.PidFile != was.options.PidFile {
		if err := writePid(o.PidFile); err != nil {
			s.log.Errorf("Failed to write pidfile: %v", err)
		}
	}
	if o.PortsFileDir != was.options.PortsFileDir {
		name, err := s.writePorts(o, s.broker.Facts())
		if err != nil {
			s.log.Errorf("Error writing ports file: %v", err)
			return
		}
		if name != was.ports {
			s.removePorts(was.ports)
		}
		now.ports = name
	}
}
