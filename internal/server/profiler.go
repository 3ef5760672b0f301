package server

import (
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"strconv"
	"strings"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

// profileHeadWait is how long a client of the profiler may take for its request.
const profileHeadWait = 5 * time.Second

// A profiler serves /debug/pprof/ on loopback: a profile shows too much for
// anybody else, so it binds nothing but 127.0.0.1.
type profiler struct {
	server http.Server
	addr   net.Addr
	done   chan struct{} // closed when its goroutine has ended
}

// startProfiler binds the port and serves in a goroutine, which close ends.
func startProfiler(port int, log *logging.Logger) (*profiler, error) {
	if port == config.RandomPort {
		port = 0
	}
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", commandLine)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	p := &profiler{
		server: http.Server{Handler: mux, ReadHeaderTimeout: profileHeadWait, ErrorLog: log.Complaints("profiling")},
		addr:   l.Addr(),
		done:   make(chan struct{}),
	}
	go func() { // ends with close
		defer close(p.done)
		p.server.Serve(l)
	}()
	return p, nil
}

// commandLine answers as pprof.Cmdline does, but for what is secret.
func commandLine(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	io.WriteString(w, strings.Join(config.HideSecrets(os.Args), "\x00"))
}

// close ends the profiler, cutting profiles that are being taken.
func (p *profiler) close() {
	p.server.Close()
	<-p.done
}
