package server

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

// What net/http says of requests to the profiler stands in the broker's log, and is quoted.
func TestTheProfilersComplaintsAreLogged(t *testing.T) {
	var out bytes.Buffer
	log, err := logging.New(logging.Options{Output: &out})
	if err != nil {
		t.Fatal(err)
	}
	p, err := startProfiler(config.RandomPort, log)
	if err != nil {
		t.Fatal(err)
	}
	// net/http tells of a panic while a request is answered.
	p.server.Handler.(*http.ServeMux).HandleFunc("/odd", func(http.ResponseWriter, *http.Request) { panic("odd \x1b[2J\nnew line") })
	if r, err := http.Get("http://" + p.addr.String() + "/odd"); err == nil {
		r.Body.Close()
		t.Error("the request was answered")
	}
	p.close()
	if err := log.Close(time.Second); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if strings.Count(text, "\n") != 1 || strings.Contains(text, "\x1b") || !strings.Contains(text, `[ERR] profiling: "http: panic serving 127.0.0.1:`) ||
		!strings.Contains(text, `odd \x1b[2J\nnew line`) {
		t.Errorf("the log says %q", text)
	}
}
