package conformance

// What is seen from outside: names and types of /varz, what it counts, and what
// /healthz answers, beside nats-server's.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"gnatsd-ev/internal/transcript"
)

// ownVarz are names of ours that nats-server does not have.
var ownVarz = []string{"gnatsd_ev", "panics", "stuck", "collector", "loops"}

// leftOut are names a nats-server without options serves that do not apply here:
// clusters, gateways, leaf nodes, other protocols and JetStream are not there yet or never.
var leftOut = []string{"cluster", "disk_io_wait_stats", "feature_flags", "gateway", "jetstream", "leaf",
	"mqtt", "websocket"}

var monitored = transcript.Options{"http_port": "-1"}

// get asks a monitor for a page.
func get(t *testing.T, s server, path string) (code int, contentType, body string) {
	t.Helper()
	address := s.(interface{ Monitor() string }).Monitor()
	r, err := http.Get("http://" + address + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header.Get("Content-Type"), string(b)
}

// varz is a monitor's /varz.
func varz(t *testing.T, s server) map[string]any {
	t.Helper()
	_, _, body := get(t, s, "/varz")
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return v
}

// TestVarzNamesAndTypes reads our /varz as tools made for nats-server do, and compares it with
// a live one's.
func TestVarzNamesAndTypes(t *testing.T) {
	theirs := varz(t, brokers[0].start(t, monitored, 0))
	for _, b := range brokers[1:] {
		ours := varz(t, b.start(t, monitored, 0))
		for _, name := range ownVarz {
			if ours[name] == nil {
				t.Errorf("%s: no %s", b.name, name)
			}
			delete(ours, name)
		}
		text, err := json.Marshal(ours)
		if err != nil {
			t.Fatal(err)
		}
		strict := json.NewDecoder(bytes.NewReader(text))
		strict.DisallowUnknownFields()
		if err := strict.Decode(new(natsserver.Varz)); err != nil {
			t.Errorf("%s: nats-server's own type does not take it: %v", b.name, err)
		}
		sameTypes(t, b.name, theirs, ours)
		missing := slices.DeleteFunc(slices.Sorted(maps.Keys(theirs)), func(name string) bool { return ours[name] != nil })
		if !slices.Equal(missing, leftOut) {
			t.Errorf("%s: %q are missing, want %q", b.name, missing, leftOut)
		}
	}
}

// sameTypes fails where both have a name and mean something else by it.
func sameTypes(t *testing.T, at string, theirs, ours map[string]any) {
	t.Helper()
	for name, value := range ours {
		other, both := theirs[name]
		if !both {
			continue
		}
		if mine, real := fmt.Sprintf("%T", value), fmt.Sprintf("%T", other); mine != real {
			t.Errorf("%s: %s is a %s, nats-server's a %s", at, name, mine, real)
			continue
		}
		if object, ok := value.(map[string]any); ok && name != "http_req_stats" {
			sameTypes(t, at+", "+name, other.(map[string]any), object)
		}
	}
}

// countedVarz are what the same traffic must change by the same.
var countedVarz = []string{"connections", "total_connections", "in_msgs", "in_bytes", "in_client_msgs", "in_client_bytes",
	"out_msgs", "out_bytes", "out_client_msgs", "out_client_bytes", "subscriptions", "slow_consumers", "stale_connections"}

// counted is what one conversation changes in /varz. The last PONG of each client was
// read; counters may be shown a moment later.
func counted(t *testing.T, s server, settled func(map[string]float64) bool) map[string]float64 {
	t.Helper()
	before := varz(t, s)
	converse(t, s)
	change := map[string]float64{}
	for end := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		after := varz(t, s)
		for _, name := range countedVarz {
			change[name] = after[name].(float64) - before[name].(float64)
		}
		if settled(change) || time.Now().After(end) {
			return change
		}
	}
}

// converse says what counters may see differently: violations, echoes, headers for who takes
// none, groups, ends by count, a message for nobody.
func converse(t *testing.T, s server) {
	t.Helper()
	clients := mustGreet(t, s, 3, wait)
	say := func(i int, lines ...string) {
		t.Helper()
		if _, err := io.WriteString(clients[i].conn, strings.Join(append(lines, "PING"), "\r\n")+"\r\n"); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := clients[i].line(wait)
			if err != nil {
				t.Fatal(err)
			}
			if line == "PONG" {
				return
			}
		}
	}
	say(0, `CONNECT {"verbose":false,"headers":true}`, "SUB a.* 1", "SUB a.> q 2", "SUB b 3", "SUB b 3", "SUB c..d 4", "SUB x 5", "UNSUB 5")
	say(1, `CONNECT {"verbose":false,"headers":false}`, "SUB a.b 1", "SUB a.b r 2", "SUB ends 3", "UNSUB 3 2")
	say(2, `CONNECT {"verbose":false,"headers":true,"pedantic":true,"echo":false}`, "SUB a.b 1", "SUB a.b 2")
	say(2, "PUB a.b 5\r\nhello", "PUB a.b re 0\r\n", "HPUB a.b 12 17\r\nNATS/1.0\r\n\r\nhello", "PUB nobody 3\r\nabc", "PUB a..b 1\r\nx",
		"PUB $NRG.x 2\r\nno", "PUB ends 1\r\n1", "PUB ends 1\r\n2", "PUB ends 1\r\n3")
	say(0, "PUB b 2\r\nme")
	big := strings.Repeat("b", 70_000)
	say(1, fmt.Sprintf("PUB a.c %d\r\n%s", len(big), big))
	say(0)
	say(1)
	clients[2].conn.Close()
}

func TestVarzCountsTheSame(t *testing.T) {
	theirs := brokers[0].start(t, monitored, 0)
	first := counted(t, theirs, func(c map[string]float64) bool { return c["connections"] == 2 && c["in_msgs"] == 11 })
	for _, b := range brokers[1:] {
		ours := counted(t, b.start(t, monitored, 0), func(c map[string]float64) bool { return maps.Equal(c, first) })
		for _, name := range countedVarz {
			if ours[name] != first[name] {
				t.Errorf("%s: %s changed by %v, nats-server's by %v", b.name, name, ours[name], first[name])
			}
		}
	}
}

func TestMonitorAnswersTheSame(t *testing.T) {
	theirs := brokers[0].start(t, monitored, 0)
	ours := brokers[1].start(t, monitored, 0)
	for _, path := range []string{
		"/healthz", "/healthz?", "/healthz?js-enabled=true", "/healthz?js-enabled-only=1", "/healthz?js-server-only=t", "/healthz?js-meta-only=true",
		"/healthz?details=true", "/healthz?details=no", "/healthz?js-enabled-only=x%0d%0a", "/healthz?js-server-only=%1b",
		"/healthz?account=a", "/healthz?account=a&stream=s", "/healthz?stream=s", "/healthz?stream=s&details=1", "/healthz?consumer=c", "/healthz?consumer=c&details=1",
		"/healthz?account=a&stream=s&consumer=c", "/healthz/", "/nothing", "/varz/",
	} {
		code, kind, body := get(t, theirs, path)
		ourCode, ourKind, ourBody := get(t, ours, path)
		if code != ourCode || body != ourBody || kind != ourKind {
			t.Errorf("%s: %d %s %q, nats-server's %d %s %q", path, ourCode, ourKind, ourBody, code, kind, body)
		}
	}
	for _, path := range []string{"/", "/varz"} {
		code, kind, _ := get(t, theirs, path)
		if ourCode, ourKind, _ := get(t, ours, path); code != ourCode || kind != ourKind {
			t.Errorf("%s: %d %s, nats-server's %d %s", path, ourCode, ourKind, code, kind)
		}
	}
}
