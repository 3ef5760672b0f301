package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nkeys"

	"gnatsd-ev/internal/broker"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/monitor"
)

const (
	// shutdownWait is how long the end waits for readers to take what is
	// pending. Service managers kill after 90 s, container runtimes after 10.
	shutdownWait = 8 * time.Second

	// logWait is how long the end waits for a log nobody reads.
	logWait = time.Second

	// exitBroken is the exit code after a panic that left unsure what sessions share:
	// sysexits.h calls it an internal software error.
	exitBroken = 70
)

// A server is one life of the program. Only the goroutine of Run touches it, but for what a reload reads.
type server struct {
	args        []string
	stderr      io.Writer
	options     *config.Options // in force
	remarks     []string        // about the configuration
	id          broker.Identity
	log         *logging.Logger
	signals     chan os.Signal
	descriptors int   // how many may be open
	memory      int64 // bytes we may use, 0 if unknown
	began       time.Time

	broker    *broker.Broker
	profiler  *profiler        // nil without --profile
	monitor   *monitor.Monitor // nil without --http_port
	collector *collector
	ports     string // the ports file that was written, or empty

	expiry  expiry
	reloads reloads

	// broken gets a token when a panic has left unsure what sessions share. Loops put it there.
	broken chan struct{}

	// In lame duck mode: gone is closed when all clients were sent away, and hurry ends it before.
	gone, hurry chan struct{}
}

// Run is the whole life of the program: args are its arguments without its
// name. It returns the exit code, 0 after a shutdown, 1 for a start that
// failed, 2 for a command line not understood, 70 after a panic. It takes over the signals of the
// process and may run once at a time.
func Run(args []string, stdout, stderr io.Writer) int {
	settings, err := config.Read(args)
	if err != nil {
		fmt.Fprintf(stderr, "gnatsd-ev: %v\n", err)
		return config.ExitCode(err)
	}
	switch settings.Action {
	case config.ShowVersion:
		printVersion(stdout)
		return 0
	case config.ShowHelp:
		fmt.Fprint(stdout, config.Help())
		return 0
	case config.SendSignal:
		if err := sendSignal(*settings.Options.Signal); err != nil {
			fmt.Fprintf(stderr, "gnatsd-ev: %v\n", err)
			return 1
		}
		return 0
	case config.ShowTLSHelp:
		fmt.Fprint(stdout, config.HelpTLS())
		return 0
	case config.TestConfig:
		fmt.Fprint(stderr, settings.Report)
		return 0
	case config.ShowConfig:
		fmt.Fprint(stdout, settings.Show())
		return 0
	}
	options := settings.Options
	log, err := logging.New(logOptions(options, stderr))
	if err != nil {
		fmt.Fprintf(stderr, "gnatsd-ev: %v\n", err)
		return 1
	}
	defer log.Close(logWait)
	s := &server{args: args, stderr: stderr, options: options, remarks: settings.Remarks, log: log, signals: listenToSignals(), began: time.Now(), broken: make(chan struct{}, 1)}
	s.expiry.warn = log.Warnf
	defer signal.Stop(s.signals)
	if !s.start() {
		s.undo()
		return 1
	}
	return s.serve()
}

// logOptions say where lines go, and how they look.
func logOptions(o *config.Options, stderr io.Writer) logging.Options {
	return logging.Options{
		File: o.LogFile, SizeLimit: o.LogSizeLimit, FilesMax: o.LogMaxNum,
		Syslog: o.Syslog, RemoteSyslog: o.RemoteSyslog, Output: stderr,
		Time: o.Logtime, UTC: o.LogtimeUTC,
		Debug: o.Debug, Trace: o.Trace,
	}
}

// listenToSignals asks for the signals early: one that comes while we start
// must end us as cleanly as a later one. A log whose reader is gone must not
// end us at all, which the broken pipe on standard error else does.
func listenToSignals() chan os.Signal {
	signal.Ignore(syscall.SIGPIPE)
	c := make(chan os.Signal, 8) // more than anybody sends in a turn; no one may be missed
	signal.Notify(c, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	return c
}

// start builds everything, up to "Server is ready". False means it failed and
// has said why.
func (s *server) start() bool {
	var err error
	if s.id, err = newIdentity(s.options.ServerName); err != nil {
		return s.fail("Error making the server's identity: %v", err)
	}
	s.announce()
	s.memory, s.descriptors = memoryLimit(), raiseDescriptorLimit()
	s.settle(s.options)
	growDescriptorTable(s.descriptors)
	s.remark(s.options, s.remarks)
	if s.broker, err = broker.New(s.options, s.id, s.log); err != nil {
		return s.failToListen(err)
	}
	s.collector = startCollector(s.broker.Held, s.options.MaxPendingTotal, s.memory, growthFor(&s.options.TLS))
	if s.options.HTTPPort != 0 {
		if err := s.listenToMonitor(); err != nil {
			return s.fail("Can't start monitoring: %v", err)
		}
	}
	if s.options.ProfilePort != 0 {
		if s.profiler, err = startProfiler(s.options.ProfilePort, s.log); err != nil {
			return s.fail("error starting profiler: %v", err)
		}
		s.log.Infof("profiling port: %d", s.profiler.addr.(*net.TCPAddr).Port)
	}
	if err := writePid(s.options.PidFile); err != nil {
		return s.fail("Could not write pidfile: %v", err)
	}
	facts := s.broker.Facts()
	if s.ports, err = s.writePorts(s.options, facts); err != nil {
		return s.fail("Error writing ports file: %v", err)
	}
	s.broker.OnBroken(s.isBroken)
	if err := s.broker.Start(); err != nil {
		return s.fail("Error starting the loops: %v", err)
	}
	if err := s.broker.PinError(); err != nil {
		s.log.Warnf("A loop could not be bound to its processor and runs unbound: %v; --pin=off avoids this line", err)
	}
	if err := s.broker.BatchError(); err != nil && s.options.IOUring == config.On {
		s.log.Warnf("Connections are written to one by one: %v; --io_uring=off avoids this line", err)
	}
	for i, a := range facts.Listeners {
		s.log.Infof("Listening for client connections on %s", s.listening(i, a))
	}
	s.tellOfTLS()
	if s.monitor != nil {
		s.monitor.Serve()
	}
	s.log.Infof("Server is ready")
	s.banner(facts)
	s.expiry.watch(facts.CertNotAfter)
	return true
}

// settle chooses what was left to us.
func (s *server) settle(o *config.Options) {
	o.MaxPendingTotal = pendingTotal(o, s.memory)
	if o.MaxConnections == 0 {
		o.MaxConnections = connectionsFor(s.descriptors, descriptorReserve(o))
	}
}

// listenToMonitor binds the port of the monitor. Requests wait until the loops run.
func (s *server) listenToMonitor() (err error) {
	s.monitor, err = monitor.Listen(monitor.Config{
		Source: s.broker, Options: s.options, Identity: s.id, Log: s.log, Start: s.began,
	})
	if err != nil {
		return err
	}
	port := s.monitor.Addr().(*net.TCPAddr).Port
	s.log.Infof("Starting http monitor on %s", net.JoinHostPort(s.options.MonitorHost(), strconv.Itoa(port)))
	return nil
}

// fail says why a start failed; it returns false for start to return.
func (s *server) fail(format string, v ...any) bool {
	s.log.Fatalf(format, v...)
	return false
}

// failToListen is fail, in nats-server's words for an address that could not be
// bound.
func (s *server) failToListen(err error) bool {
	if e, ok := errors.AsType[*broker.ListenError](err); ok {
		return s.fail("Error listening on port: %s, %q", e.Addr, e.Err)
	}
	return s.fail("Error starting the broker: %v", err)
}

// listening writes the address of listener i: the host as it was given, as
// nats-server does (the system calls 0.0.0.0 [::]), and the port that is bound.
func (s *server) listening(i int, bound net.Addr) string {
	tcp, ok := bound.(*net.TCPAddr)
	asked := s.options.Addresses()
	if !ok || i >= len(asked) {
		return bound.String()
	}
	host, _, err := net.SplitHostPort(asked[i])
	if err != nil || host == "" {
		return bound.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

// newIdentity makes the id of this life: the public half of a new server key,
// as nats-server does. The name defaults to it.
func newIdentity(name string) (broker.Identity, error) {
	key, err := nkeys.CreateServer()
	if err != nil {
		return broker.Identity{}, err
	}
	defer key.Wipe()
	id, err := key.PublicKey()
	if err != nil {
		return broker.Identity{}, err
	}
	if name == "" {
		name = id
	}
	return broker.Identity{ID: id, Name: name, Version: Version, GitCommit: gitCommit()}, nil
}

// writePorts writes the ports file if one is wanted, and returns its name.
func (s *server) writePorts(o *config.Options, f broker.Facts) (name string, err error) {
	if o.PortsFileDir == "" {
		return "", nil
	}
	var p ports
	scheme := "nats"
	if o.TLS.Required() {
		scheme = "tls"
	}
	for _, a := range f.Listeners {
		p.Nats = append(p.Nats, urls(scheme, a)...)
	}
	if s.monitor != nil {
		p.Monitoring = urls("http", s.monitor.Addr())
	}
	if s.profiler != nil {
		p.Profile = urls("http", s.profiler.addr)
	}
	name = portsFile(o.PortsFileDir)
	if err := writePorts(name, p); err != nil {
		return "", err
	}
	return name, nil
}

// serve waits for signals until one of them ends the life, or a panic does. It returns the exit
// code.
func (s *server) serve() int {
	for {
		var sig os.Signal
		select {
		case sig = <-s.signals:
		case <-s.gone:
			return s.leave()
		case <-s.broken:
			return s.endBroken()
		case now := <-s.reloads.done:
			s.reloaded(now)
			continue
		case <-s.expiry.due:
			s.expiry.look()
			continue
		}
		s.log.Infof("Trapped %q signal", sig)
		switch sig {
		case syscall.SIGINT:
			return s.leave()
		case syscall.SIGTERM:
			if s.gone == nil { // service managers send it after SIGUSR2 has told us to take our time
				return s.leave()
			}
		case syscall.SIGUSR1:
			if s.reloads.done != nil { // which log that is will be known
				s.reloads.reopen = true
				continue
			}
			s.reopenLog()
		case syscall.SIGUSR2:
			s.becomeLameDuck()
		case syscall.SIGHUP:
			s.reload()
		}
	}
}

// becomeLameDuck sends clients away without haste; a second time it changes nothing.
func (s *server) becomeLameDuck() {
	if s.gone != nil {
		return
	}
	s.gone, s.hurry = make(chan struct{}), make(chan struct{})
	go func() { // ends with gone, or soon after hurry
		if s.broker.LameDuck(s.hurry) {
			close(s.gone)
		}
	}()
}

// leave shuts down and returns the exit code.
func (s *server) leave() int {
	if s.hurry != nil {
		close(s.hurry)
	}
	s.stopReload()
	s.log.Infof("Initiating Shutdown...")
	s.log.Debugf("Client accept loop exiting..")
	return s.shutDown()
}

// shutDown ends the life, and returns the exit code. A loop that panics meanwhile would be waited for in
// vain.
func (s *server) shutDown() int {
	ended := make(chan struct{})
	go func() { // ends with the shutdown, or with the process
		s.undo()
		close(ended)
	}()
	select {
	case <-ended:
	case <-s.broken:
		return s.endBroken()
	}
	s.log.Infof("Server Exiting..")
	return 0
}

// reopenLog goes on in a new log file after somebody moved the old one away.
func (s *server) reopenLog() {
	if s.options.LogFile == "" {
		s.log.Infof("File log re-open ignored, not a file logger")
		return
	}
	if err := s.log.Reopen(s.options.LogFile); err != nil {
		s.log.Errorf("Failed to re-open the log file: %v", err)
		return
	}
	s.log.Infof("File log re-opened")
}

// isBroken has the process end after a panic. It is called by the loop that panicked.
func (s *server) isBroken() {
	select {
	case s.broken <- struct{}{}:
	default:
	}
}

// endBroken is the end after a panic: loops do not answer any more, and clients see their
// connections end with the process.
func (s *server) endBroken() int {
	s.removePorts(s.ports)
	return exitBroken
}

// undo ends what start has built, as far as it came.
func (s *server) undo() {
	if s.monitor != nil {
		s.monitor.Close() // first: who asks for our health must hear that we leave
	}
	if s.broker != nil {
		s.broker.Shutdown(shutdownWait)
	}
	if s.collector != nil {
		s.collector.stop()
	}
	if s.profiler != nil {
		s.profiler.close()
	}
	s.removePorts(s.ports)
}

// removePorts removes a ports file: who finds one waits for a broker that is there.
func (s *server) removePorts(name string) {
	if name == "" {
		return
	}
	if err := os.Remove(name); err != nil {
		s.log.Errorf("Error cleaning up ports file %s: %v", name, err)
	}
}
