package monitor

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gnatsd-ev/internal/broker"
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/loop"
)

// made is a Source that a test has made up.
type made struct {
	stats   atomic.Pointer[broker.Stats]
	options *config.Options
}

func (s *made) Stats() broker.Stats { return *s.stats.Load() }
func (s *made) Facts() broker.Facts {
	return broker.Facts{Options: s.options, Listeners: []net.Addr{&net.TCPAddr{Port: 4222}}}
}

// odd is a name as nobody should give it.
const odd = "<script>\x1b[2J\u009b\"&"

// serve runs a monitor over stats until the test ends; its log goes to out.
func serve(t *testing.T, out io.Writer, stats broker.Stats) (*Monitor, *made) {
	t.Helper()
	s := &made{}
	s.stats.Store(&stats)
	o := config.Default()
	o.Host, o.HTTPPort, o.MaxSubscriptions, o.MaxConnections = "127.0.0.1", config.RandomPort, 7, 100
	s.options = o
	log, err := logging.New(logging.Options{Output: out})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Listen(Config{Source: s, Options: o, Identity: broker.Identity{ID: "ID", Name: odd, Version: "1.2.3"}, Log: log, Start: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	m.Serve()
	t.Cleanup(func() {
		m.Close()
		log.Close(time.Second)
	})
	return m, s
}

// get asks for a page.
func (m *Monitor) get(t *testing.T, path string) (code int, h http.Header, body string) {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get("http://" + m.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, r.Header, string(b)
}

// loopsOf makes stats of loops that have done something.
func loopsOf(loops ...broker.LoopStats) broker.Stats {
	return broker.Stats{Sessions: 5, Opened: 9, Panics: 3, Loops: loops}
}

func TestVarzAddsTheLoopsUp(t *testing.T) {
	one := broker.LoopStats{
		Tally: loop.Tally{Connections: 1, Opened: 2, Turns: 3, Loans: 4, Letters: 5, Held: 6, Pending: 7, Input: 8},
		Lag:   loop.Lag{Second: 9, Minute: 10, Ever: 11}, InMsgs: 12, InBytes: 13, OutMsgs: 14, OutBytes: 15, Subscriptions: 16,
		SlowPending: 17, SlowDeadline: 18, Stale: 19, Stalls: 20, StalledFor: 21, Parcels: 22, ParcelMsgs: 23, Stuck: 24, StuckFor: 25, Unfinished: 26,
	}
	m, _ := serve(t, io.Discard, loopsOf(one, one))
	m.get(t, "/varz?callback=f") // once only: no callback
	code, h, body := m.get(t, "/varz?callback=f")
	if code != 200 || h.Get("Content-Type") != "application/json" || h.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d, %v", code, h)
	}
	var v map[string]any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for name, want := range map[string]any{
		"server_id": "ID", "server_name": odd, "gnatsd_ev": "1.2.3", "connections": 5.0, "panics": 3.0, "total_connections": 9.0, "port": 4222.0, "max_subscriptions": 7.0,
		"in_msgs": 24.0, "in_client_bytes": 26.0, "out_client_msgs": 28.0, "out_bytes": 30.0, "subscriptions": 32.0, "slow_consumers": 70.0,
		"stale_connections": 38.0, "stalled_clients": 40.0, "stuck": 48.0, "http_port": float64(m.port), "max_payload": float64(1 << 20),
	} {
		if v[name] != want {
			t.Errorf("%s is %v, want %v", name, v[name], want)
		}
	}
	if asked, _ := v["http_req_stats"].(map[string]any); asked["/varz"] != 2.0 || len(asked) != 1 {
		t.Errorf("requests are %v", v["http_req_stats"])
	}
	for i, l := range v["loops"].([]any) {
		l := l.(map[string]any)
		lag := l["lag"].(map[string]any)
		for name, want := range map[string]float64{
			"id": float64(i), "connections": 1, "total_connections": 2, "turns": 3, "loans": 4, "letters": 5, "held_bytes": 6, "pending_bytes": 7, "input_bytes": 8,
			"in_msgs": 12, "in_bytes": 13, "out_msgs": 14, "out_bytes": 15, "subscriptions": 16, "slow_pending": 17, "slow_deadline": 18,
			"stale_connections": 19, "stalls": 20, "stalled_for": 21, "parcels": 22, "parcel_msgs": 23, "stuck": 24, "stuck_for": 25, "unfinished": 26,
		} {
			if l[name] != want {
				t.Errorf("loop %d: %s is %v, want %v", i, name, l[name], want)
			}
		}
		if lag["second"] != 9.0 || lag["minute"] != 10.0 || lag["ever"] != 11.0 {
			t.Errorf("loop %d: lag is %v", i, lag)
		}
	}
	clean(t, "/varz", body)
}

// clean fails if what a name holds stands raw in a page.
func clean(t *testing.T, page, body string) {
	t.Helper()
	if strings.Contains(body, "<script") || strings.ContainsAny(body, "\x1b\r") {
		t.Errorf("%s shows %q", page, body)
	}
}

func TestTheIndexAndWhatIsNotThere(t *testing.T) {
	m, _ := serve(t, io.Discard, loopsOf())
	code, h, body := m.get(t, "/")
	if code != 200 || !strings.HasPrefix(h.Get("Content-Type"), "text/html") || !strings.Contains(body, `href="./varz"`) ||
		!strings.Contains(body, `href="./healthz"`) || strings.Contains(body, "://") {
		t.Errorf("/: %d %v %s", code, h, body)
	}
	if strings.Contains(body, "<script") {
		t.Errorf("/ shows %q", body)
	}
	for _, path := range []string{"/connz", "/varz/", "//varz", "/VARZ", "/debug/vars", "/debug/pprof/", "/x\u009b<script>", "/../varz", "/varz%00"} {
		if code, _, body := m.get(t, path); code != 404 || body != "404 page not found\n" {
			t.Errorf("%q: %d %q", path, code, body)
		}
	}
	for _, method := range []string{"POST", "DELETE", "OPTIONS"} {
		r, err := http.NewRequest(method, "http://"+m.Addr().String()+"/varz", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %s", method, answer.Status)
		}
	}
}

func TestHealth(t *testing.T) {
	m, s := serve(t, io.Discard, loopsOf(broker.LoopStats{}, broker.LoopStats{Stuck: 3}))
	want := func(path string, code int, body string) {
		t.Helper()
		if got, h, text := m.get(t, path); got != code || text != body || h.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %d %s, want %d %s", path, got, text, code, body)
		}
	}
	want("/healthz", 200, `{"status":"ok"}`)
	want("/healthz?js-enabled-only=true&details=1", 200, `{"status":"ok"}`)
	want("/healthz?details=%3Cscript%3E", 400, `Error decoding boolean for 'details': strconv.ParseBool: parsing "<script>": invalid syntax`)
	want("/healthz?stream=s", 400, `{"status":"error","error":"\"account\" must not be empty when checking stream health"}`)
	stats := loopsOf(broker.LoopStats{StuckFor: 1500 * time.Millisecond}, broker.LoopStats{}, broker.LoopStats{StuckFor: time.Minute})
	s.stats.Store(&stats)
	want("/healthz", 503, `{"status":"unavailable","error":"loop 0 has not turned for 1.5s, loop 2 has not turned for 1m0s"}`)
	want("/healthz?details=true", 503, `{"status":"error","errors":[{"type":"LOOP","error":"loop 0 has not turned for 1.5s, loop 2 has not turned for 1m0s"}]}`)
}

// Who sends a request byte by byte is cut when its time is over, and more of them than there
// is room for keep nobody out.
func TestSlowRequestsKeepNobodyOut(t *testing.T) {
	m, _ := serve(t, io.Discard, loopsOf())
	var slow []net.Conn
	for range ConnectionsMax + 10 {
		c, err := net.Dial("tcp", m.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "GET /varz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		slow = append(slow, c)
	}
	if code, _, _ := m.get(t, "/healthz"); code != 200 {
		t.Errorf("beside slow ones: %d", code)
	}
	m.listener.mu.Lock()
	if n := m.listener.members.Len(); n > ConnectionsMax {
		t.Errorf("%d are connected, want %d at most", n, ConnectionsMax)
	}
	m.listener.mu.Unlock()
	if testing.Short() {
		return
	}
	last := slow[len(slow)-1]
	go func() { // drips until it is cut
		for {
			if _, err := last.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
	last.SetReadDeadline(time.Now().Add(6 * readWait))
	if _, err := io.Copy(io.Discard, last); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("who drips is not cut within %v", 6*readWait)
	}
}

// A head beyond its bound is refused; a request that is none reaches the log quoted, if at all.
func TestMalformedRequests(t *testing.T) {
	var out bytes.Buffer
	m, _ := serve(t, &out, loopsOf())
	for _, request := range []string{
		"GET /varz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 2*headMax) + "\r\n\r\n",
		"\x1b[2J\r\n\r\n", "GET /\x1b[2J HTTP/1.1\r\n\r\n", "GET /varz HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n",
	} {
		c, err := net.Dial("tcp", m.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, request)
		c.SetReadDeadline(time.Now().Add(6 * readWait))
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%.40q: %v", request, err)
		}
		if r.StatusCode < 400 {
			t.Errorf("%.40q: %s", request, r.Status)
		}
		c.Close()
	}
	m.server.ErrorLog.Print("odd \x1b[2J")
	m.Close()
	m.config.Log.Close(time.Second)
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, `monitoring: "odd \x1b[2J`) {
		t.Errorf("the log holds %q", text)
	}
}

// Close ends those who are connected, and frees the port.
func TestClose(t *testing.T) {
	m, _ := serve(t, io.Discard, loopsOf())
	c, err := net.Dial("tcp", m.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	m.Close()
	c.SetReadDeadline(time.Now().Add(6 * readWait))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection outlives the monitor")
	}
	l, err := net.Listen("tcp", m.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	never, err := Listen(m.config)
	if err != nil {
		t.Fatal(err)
	}
	never.Close() // without Serve
}

func TestUptime(t *testing.T) {
	for d, want := range map[time.Duration]string{
		999 * time.Millisecond: "0s", 61 * time.Second: "1m1s", time.Hour: "1h0m0s", 25*time.Hour + time.Minute: "1d1h1m0s",
		(366*24 + 1) * time.Hour: "1y1d1h0m0s",
	} {
		if got := uptime(d); got != want {
			t.Errorf("%v is %s, want %s", d, got, want)
		}
	}
}

// The collector's cost grows with what it does.
func TestCollectorIsCounted(t *testing.T) {
	before := readCollector()
	for range 5 {
		runtime.GC()
	}
	after := readCollector()
	if after.Collections < before.Collections+5 || after.GC <= before.GC || after.Total <= before.Total || after.LongestPause <= 0 || after.Process <= 0 {
		t.Errorf("%+v after five collections, %+v before", after, before)
	}
	if resident() <= 0 {
		t.Error("no resident memory")
	}
	var u usage
	now := time.Now()
	if first, again := u.percent(now), u.percent(now.Add(usageEvery/2)); first != 0 || again != 0 {
		t.Errorf("%v and %v %% used before a second is over", first, again)
	}
	u.cpu -= 300 * time.Millisecond
	if p := u.percent(now.Add(usageEvery)); p < 30 {
		t.Errorf("%v %% used, want 30 at least", p)
	}
}
