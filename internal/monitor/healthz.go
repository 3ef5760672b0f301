package monitor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"gnatsd-ev/internal/logging"
)

// health is nats-server's answer to /healthz.
type health struct {
	Status string          `json:"status"`
	Error  string          `json:"error,omitempty"`
	Errors []healthProblem `json:"errors,omitempty"`
}

type healthProblem struct {
	Type  string `json:"type"`
	Error string `json:"error"`
}

// A verdict is the health of the broker as far as one request asked.
type verdict struct {
	code int
	kind string // of problem
	text string // empty: healthy
}

// healthBools are the options that must be booleans if they are given. JetStream's change
// nothing, as in a nats-server without it.
var healthBools = []string{"js-enabled", "js-enabled-only", "js-server-only", "js-meta-only", "details"}

// healthz says whether all loops turn.
func (m *Monitor) healthz(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for _, name := range healthBools {
		if _, err := queryBool(q, name); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "Error decoding boolean for '%s': %v", name, err)
			return
		}
	}
	details, _ := queryBool(q, "details")
	v := m.judge(q)
	h := health{Status: "ok"}
	if v.text != "" {
		m.config.Log.Limited(logging.Warn, "healthcheck", "Healthcheck failed: %q", v.text)
		switch {
		case details:
			h.Status, h.Errors = "error", []healthProblem{{v.kind, v.text}}
		case v.code == http.StatusServiceUnavailable:
			h.Status, h.Error = "unavailable", v.text
		default:
			h.Status, h.Error = "error", v.text
		}
	}
	b, err := json.Marshal(h)
	if err != nil {
		panic(err) // strings always marshal
	}
	answer(w, v.code, b)
}

// judge looks for the first thing that is wrong.
func (m *Monitor) judge(q url.Values) verdict {
	for _, need := range [][2]string{{"stream", "account"}, {"consumer", "stream"}} {
		if q.Get(need[0]) != "" && q.Get(need[1]) == "" {
			return verdict{http.StatusBadRequest, "BAD_REQUEST", fmt.Sprintf("%q must not be empty when checking %s health", need[1], need[0])}
		}
	}
	var stuck []string
	for id, l := range m.config.Source.Stats().Loops {
		if l.StuckFor > 0 {
			stuck = append(stuck, fmt.Sprintf("loop %d has not turned for %v", id, l.StuckFor.Round(time.Millisecond)))
		}
	}
	if len(stuck) > 0 {
		return verdict{http.StatusServiceUnavailable, "LOOP", strings.Join(stuck, ", ")}
	}
	return verdict{code: http.StatusOK}
}

// queryBool reads an option as nats-server does: absent and empty are false.
func queryBool(q url.Values, name string) (bool, error) {
	s := q.Get(name)
	if s == "" {
		return false, nil
	}
	return strconv.ParseBool(s)
}
