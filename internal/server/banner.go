package server

import (
	"fmt"
	"runtime"

	"gnatsd-ev/internal/broker"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/loop"
)

// discouragedPayload is the max_payload from which nats-server warns.
const discouragedPayload = 8 << 20

// announce writes the lines of a start up to the listeners, in nats-server's
// order and words: scripts read them.
func (s *server) announce() {
	s.log.Infof("Starting gnatsd-ev")
	s.log.Infof("  Version:  %s", s.id.Version)
	s.log.Infof("  Git:      [%s]", orNotSet(s.id.GitCommit))
	s.log.Debugf("  Go build: %s", runtime.Version())
	s.log.Infof("  Name:     %s", s.id.Name)
	s.log.Infof("  ID:       %s", s.id.ID)
	if s.options.ConfigFile != "" {
		s.log.Infof("Using configuration file: %s (%s)", s.options.ConfigFile, s.options.ConfigDigest)
	}
}

// remark writes what is allowed but odd.
func (s *server) remark(o *config.Options, remarks []string) {
	for _, remark := range remarks {
		s.log.Warnf("%s", remark)
	}
	if o.MaxPayload > discouragedPayload {
		s.log.Warnf("Maximum payloads over %d MB are generally discouraged and could lead to poor performance", discouragedPayload>>20)
	}
	if possible := connectionsFor(s.descriptors, descriptorReserve(o)); o.MaxConnections > possible {
		s.log.Warnf("max_connections is %d, but the limit of %d open files leaves room for %d: raise it with ulimit -n or LimitNOFILE=",
			o.MaxConnections, s.descriptors, possible)
	}
	if s.memory > 0 && o.MaxPendingTotal > s.memory/2 {
		s.log.Warnf("max_pending_total is %s, but there are only %s of memory, which connections and subscriptions need as well: lower it",
			megabytes(o.MaxPendingTotal), megabytes(s.memory))
	}
	if o.MaxPending > o.MaxPendingTotal {
		s.log.Warnf("max_pending is %s, but all slow readers together may owe %s, max_pending_total: they are cut before; raise max_pending_total, or lower it", megabytes(o.MaxPending), megabytes(o.MaxPendingTotal))
	} else if n := int64(max(o.MaxConnections, 1)); s.memory > 0 && o.MaxPending != config.DefaultMaxPending && o.MaxPending > s.memory/n {
		s.log.Warnf("max_pending is %s, which %d connections could fill %s of memory with: max_pending_total, %s, is what holds; lower one of them",
			megabytes(o.MaxPending), n, megabytes(s.memory), megabytes(o.MaxPendingTotal))
	}
	if o.MaxConnections < 0 {
		s.log.Warnf("max_connections is %d: every client will be refused", o.MaxConnections)
	}
}

// banner writes what the broker made of the machine.
func (s *server) banner(f broker.Facts) {
	s.log.Infof("  Loops:    %d on %s, %d CPUs", f.Loops, f.Poller, runtime.NumCPU())
	s.log.Infof("  Pinning:  %s", pinning(f))
	s.log.Infof("  Sending:  %s", s.sending())
	s.log.Infof("  Memory:   %s for readers and unfinished input, %s", megabytes(s.options.MaxPendingTotal), s.ofMemory())
	s.log.Infof("  Files:    %d open files allowed, up to %d connections", s.descriptors, max(f.Options.MaxConnections, 0))
}

// ofMemory says what there is.
func (s *server) ofMemory() string {
	if s.memory == 0 {
		return "of an unknown amount"
	}
	return "of " + megabytes(s.memory)
}

func megabytes(n int64) string { return fmt.Sprintf("%d MB", n>>20) }

// sending says what became of --io_uring.
func (s *server) sending() string {
	err := s.broker.BatchError()
	switch {
	case s.options.IOUring == config.Off:
		return "a call for each connection"
	case !loop.CanBatch:
		return fmt.Sprintf("a call for each connection: %s has none for many", runtime.GOOS)
	case err != nil:
		return fmt.Sprintf("a call for each connection: %v", err)
	}
	return "many connections in one call, by io_uring"
}

// pinning says what became of --pin.
func pinning(f broker.Facts) string {
	switch {
	case f.Pinning != "":
		return f.Pinning
	case runtime.GOOS == "linux" || runtime.GOOS == "freebsd":
		return "off"
	}
	return fmt.Sprintf("%s cannot bind threads to CPUs", runtime.GOOS)
}

// tellOfTLS says in nats-server's words how clients encrypt.
func (s *server) tellOfTLS() {
	c := &s.options.TLS
	if !c.On() {
		return
	}
	must := c.First && c.FirstFallback == 0 // wins over allow_non_tls
	if c.Required() || must {
		s.log.Infof("TLS required for client connections")
	} else {
		s.log.Infof("TLS available for client connections")
	}
	if must {
		s.log.Warnf("Clients that are not using \"TLS Handshake First\" option will fail to connect")
	}
}
