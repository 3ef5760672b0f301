package monitor

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"gnatsd-ev/internal/broker"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

const (
	// ConnectionsMax is how many may be connected at a time; each costs a descriptor.
	ConnectionsMax = 64

	readWait  = 5 * time.Second  // a request may take to come, as with nats-server
	writeWait = 30 * time.Second // an answer may take to be read
	idleWait  = 90 * time.Second // a connection is kept for the next: longer than scrapers pause
	headMax   = 8 << 10          // bytes of a request's head
)

// A Source is what is monitored.
type Source interface {
	Stats() broker.Stats
	Facts() broker.Facts
}

// A Config says what a monitor tells, and where.
type Config struct {
	Source   Source
	Options  *config.Options // that say where
	Identity broker.Identity
	Log      *logging.Logger
	Start    time.Time // of the broker
}

// A Monitor is one listener and the pages behind it.
type Monitor struct {
	config   Config
	port     int
	listener *crowd
	server   http.Server
	serving  sync.WaitGroup
	asked    map[string]*atomic.Uint64 // requests by path; the map never changes
	usage    usage
}

// pages are what is served; anything else is not found.
var pages = map[string]func(*Monitor, http.ResponseWriter, *http.Request){
	"/":        (*Monitor).index,
	"/varz":    (*Monitor).varz,
	"/healthz": (*Monitor).healthz,
}

// Listen binds the port; nobody is answered before Serve.
func Listen(c Config) (*Monitor, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(c.Options.MonitorHost(), strconv.Itoa(max(c.Options.HTTPPort, 0))))
	if err != nil {
		return nil, fmt.Errorf("can't listen to the monitor port: %w", err)
	}
	m := &Monitor{
		config: c, port: l.Addr().(*net.TCPAddr).Port,
		listener: newCrowd(l, ConnectionsMax), asked: make(map[string]*atomic.Uint64, len(pages)),
	}
	for path := range pages {
		m.asked[path] = new(atomic.Uint64)
	}
	m.server = http.Server{
		Handler:     m,
		ReadTimeout: readWait, ReadHeaderTimeout: readWait, WriteTimeout: writeWait, IdleTimeout: idleWait,
		MaxHeaderBytes: headMax, ErrorLog: c.Log.Complaints("monitoring"),
	}
	return m, nil
}

// Addr is the address that is bound.
func (m *Monitor) Addr() net.Addr { return m.listener.Addr() }

// Serve answers requests on goroutines of its own until Close.
func (m *Monitor) Serve() {
	m.serving.Go(func() { // ends with Close
		if err := m.server.Serve(m.listener); err != http.ErrServerClosed {
			m.config.Log.Errorf("The monitor on %s has ended: %v", m.Addr(), err)
		}
	})
}

// Close ends it, cutting who is being answered. It may be closed without having served.
func (m *Monitor) Close() {
	m.server.Close()
	m.listener.Close()
	m.serving.Wait()
}

// ServeHTTP answers one request.
func (m *Monitor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	page, known := pages[r.URL.Path]
	switch {
	case !known:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	default:
		m.asked[r.URL.Path].Add(1)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		page(m, w, r)
	}
}

// answer writes JSON. An error is the reader's own loss.
func answer(w http.ResponseWriter, code int, b []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(b)
}
