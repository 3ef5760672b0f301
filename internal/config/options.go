// Package config holds the options of the broker and reads them from the
// command line and a configuration file. Names, value syntax and meanings are nats-server's wherever
// nats-server has the option; what is not supported is refused with a reason.
package config

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"gnatsd-ev/internal/proto"
)

// The defaults, nats-server's where it has the option.
const (
	DefaultHost           = proto.DefaultHost
	DefaultPort           = proto.DefaultClientPort
	DefaultMaxPayload     = proto.DefaultMaxPayload
	DefaultMaxPending     = proto.DefaultMaxPending
	DefaultMaxControlLine = proto.DefaultMaxControlLine
	DefaultWriteDeadline  = proto.DefaultWriteDeadline
	DefaultPingInterval   = proto.DefaultPingEvery
	DefaultPingMax        = proto.DefaultPingsOutMax

	DefaultLameDuckDuration    = proto.DefaultLameDuckDuration
	DefaultLameDuckGracePeriod = proto.DefaultLameDuckGrace
)

// LameDuckDurationMin is the shortest time over which clients are sent away, as in nats-server.
const LameDuckDurationMin = 30 * time.Second

const (
	// RandomPort asks for a port the system chooses.
	RandomPort = -1

	// LoopsMax is the most event loops there can be: sets of loops are held
	// in the bits of one word.
	LoopsMax = 64

	// MaxPendingTotalMin is the smallest memory budget: below it, what loops gather in one
	// turn would be more than their share.
	MaxPendingTotalMin = 16 << 20

	// PayloadsInTotal is how many of the largest payloads the memory budget must have room for.
	PayloadsInTotal = 8
)

// A Choice says whether something that not every system can is done.
type Choice string

// The values of --pin and --io_uring.
const (
	Auto Choice = "auto" // where the system can, and it pays
	On   Choice = "on"   // and where the system cannot, say so
	Off  Choice = "off"  // never
)

// Options is everything that can be set. It is plain values: made once, then
// read by everyone and changed by no one.
type Options struct {
	Host            string   // address to bind
	Port            int      // port for clients; RandomPort: any
	Listen          []string // further listeners, host:port each
	ServerName      string   // empty: the server's id
	ClientAdvertise string   // host[:port] told to other servers; empty: none
	Loops           int      // event loops; 0: chosen from the CPUs
	Pin             Choice   // bind each loop's thread to one CPU; auto: if CPUs are left for others and no quota is set
	IOUring         Choice   // write to many connections in one call

	Signal *Signal // with the action SendSignal

	ConfigFile   string // as it was given; empty: none
	ConfigDigest string // of what it says, as nats-server's

	PidFile      string // empty: none
	PortsFileDir string // where the ports file goes; empty: none
	ProfilePort  int    // of the profiler, on loopback; 0: none, RandomPort: any
	HTTPHost     string // of the monitor; empty: Host
	HTTPPort     int    // of the monitor; 0: none, RandomPort: any

	LogFile         string // empty: standard error
	LogSizeLimit    int64  // bytes of LogFile beyond which it is put aside; 0: never
	LogMaxNum       int    // log files kept then, with the one in use; 0: all
	Syslog          bool   // log to the system's log, without LogFile
	RemoteSyslog    string // log to that of another host, without LogFile; URL
	Logtime         bool   // write the time
	LogtimeUTC      bool   // in UTC
	Debug           bool
	Trace           bool // trace the protocol
	TraceVerbose    bool // and that of the system account
	MaxTracedMsgLen int  // bytes of a traced payload; <= 0: all

	MaxConnections        int           // 0: from the limit of descriptors; negative: nobody may connect
	MaxPayload            int32         // bytes
	MaxPending            int64         // bytes a connection may owe its reader
	MaxPendingTotal       int64         // bytes held for all readers and unfinished input; 0: a share of the memory there is
	MaxSubscriptions      int           // of a connection; 0: any number
	MaxSubscriptionTokens int           // of a subject, at most 255; 0: any number
	MaxControlLine        int32         // bytes of a protocol line without its payload
	WriteDeadline         time.Duration // for what was pending when the socket was full
	PingInterval          time.Duration
	PingMax               int // unanswered PINGs before a connection is stale

	LameDuckDuration    time.Duration // over which clients are sent away
	LameDuckGracePeriod time.Duration // of it, between the notice and the first close

	TLS           TLS // of client connections
	Authorization Authorization

	Accounts        []Account // besides the global one
	SystemAccount   string    // as it was given; see System
	NoSystemAccount bool      // there is none unless it is configured
}

// Default returns the options of a broker started without flags.
func Default() *Options {
	return &Options{
		Host:           DefaultHost,
		Port:           DefaultPort,
		Pin:            Auto,
		IOUring:        Auto,
		Logtime:        true,
		MaxPayload:     DefaultMaxPayload,
		MaxPending:     DefaultMaxPending,
		MaxControlLine: DefaultMaxControlLine,
		WriteDeadline:  DefaultWriteDeadline,
		PingInterval:   DefaultPingInterval,
		PingMax:        DefaultPingMax,
		TLS:            TLS{Timeout: DefaultTLSTimeout},

		LameDuckDuration:    DefaultLameDuckDuration,
		LameDuckGracePeriod: DefaultLameDuckGracePeriod,
	}
}

// Addresses returns what to bind, host:port each, the main listener first;
// port 0 asks the system for one.
func (o *Options) Addresses() []string {
	return append([]string{joinAddress(o.Host, o.Port)}, o.Listen...)
}

// joinAddress writes an address for binding: any free port is 0 there.
func joinAddress(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(max(port, 0)))
}

// MonitorHost returns the host the monitor binds.
func (o *Options) MonitorHost() string {
	if o.HTTPHost != "" {
		return o.HTTPHost
	}
	return o.Host
}

// A misfit is options that do not fit together; keys are their names in the order in which to
// look at them, with blanks between.
type misfit struct{ keys, text string }

func (m misfit) Error() string { return m.text }

// Check finds what does not fit together. The single values were checked when
// they were read.
func (o *Options) Check() error {
	if int64(o.MaxPayload) > o.MaxPending {
		return misfit{"max_payload max_pending", fmt.Sprintf("max_payload (%v) cannot be higher than max_pending (%v)", o.MaxPayload, o.MaxPending)}
	}
	if err := o.Authorization.check(); err != nil {
		return err
	}
	if strings.Contains(o.ServerName, " ") {
		return misfit{"server_name", "server name cannot contain spaces"}
	}
	if o.MaxPendingTotal > 0 && PayloadsInTotal*int64(o.MaxPayload) > o.MaxPendingTotal {
		return misfit{"event_loops.max_pending_total max_payload", fmt.Sprintf("max_pending_total (%v) must be %d times max_payload (%v) at least", o.MaxPendingTotal, PayloadsInTotal, o.MaxPayload)}
	}
	if o.LameDuckGracePeriod >= o.LameDuckDuration {
		return misfit{"lame_duck_grace_period lame_duck_duration", fmt.Sprintf("lame_duck_grace_period (%v) must be less than lame_duck_duration (%v)", o.LameDuckGracePeriod, o.LameDuckDuration)}
	}
	seen := make(map[string]bool)
	all := o.Addresses()
	if o.HTTPPort != 0 {
		all = append(all, joinAddress(o.MonitorHost(), o.HTTPPort))
	}
	for _, a := range all {
		if seen[a] && !strings.HasSuffix(a, ":0") {
			return misfit{"event_loops.listen http_port port host", fmt.Sprintf("the address %s is given twice: name each listener once", a)}
		}
		seen[a] = true
	}
	return nil
}
