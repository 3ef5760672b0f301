// Package broker stands in for the real one until that is merged: it binds the
// listeners and serves nobody.
package broker

import (
	"net"
	"runtime"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

// Identity is who we say we are.
type Identity struct {
	ID, Name, Version string
	GitCommit         string
}

// Facts is what came of the options.
type Facts struct {
	Loops          int
	Poller         string
	Pinning        string
	Listeners      []net.Addr
	MaxConnections int
}

// Broker holds the listeners.
type Broker struct {
	options   *config.Options
	listeners []net.Listener
}

// New binds the listeners.
func New(o *config.Options, _ Identity, _ *logging.Logger) (*Broker, error) {
	b := &Broker{options: o}
	for _, a := range o.Addresses() {
		l, err := net.Listen("tcp", a)
		if err != nil {
			b.Shutdown(0)
			return nil, err
		}
		b.listeners = append(b.listeners, l)
	}
	return b, nil
}

// Facts returns what came of the options.
func (b *Broker) Facts() Facts {
	f := Facts{Loops: runtime.NumCPU(), Poller: "epoll", Pinning: "off", MaxConnections: b.options.MaxConnections}
	for _, l := range b.listeners {
		f.Listeners = append(f.Listeners, l.Addr())
	}
	return f
}

// Start does nothing.
func (b *Broker) Start() {}

// Shutdown closes the listeners.
func (b *Broker) Shutdown(time.Duration) {
	for _, l := range b.listeners {
		l.Close()
	}
}
