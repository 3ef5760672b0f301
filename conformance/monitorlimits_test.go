package conformance

// What strangers may ask of the monitor.

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gnatsd-ev/conformance/candidate"
	"gnatsd-ev/internal/transcript"
)

var (
	monitorPages  = []string{"/", "/varz", "/healthz", "/connz", "/subsz", "/routez", "/accountz", "/debug/vars"}
	monitorFields = []string{"offset", "limit", "cid", "subs", "sort", "state", "auth", "details", "js-enabled-only", "js-server-only", "test", "acc", "callback"}
	monitorValues = []string{
		"9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615", "4294967296", "-1", "0", "1", "true", "1e99", "NaN",
		strings.Repeat("9", 2000), "\x00", "\x1b[2J\r\n", "<script>", "%", "",
	}
)

// Whatever number or text a request has, it is answered, and so is the next one (advisory 2026-28).
func TestMonitorTakesAnyNumber(t *testing.T) {
	p := process(t, candidate.Setting{Options: transcript.Options{"http_port": "-1"}})
	for _, page := range monitorPages {
		for _, field := range monitorFields {
			for _, value := range monitorValues {
				for _, more := range []string{"", "&limit=9223372036854775807&offset=9223372036854775807"} {
					target := "http://" + p.Monitor() + page + "?" + field + "=" + url.QueryEscape(value) + more
					r, err := http.Get(target)
					if err != nil {
						t.Fatal(err)
					}
					body, err := io.ReadAll(r.Body)
					r.Body.Close()
					if err != nil || !slices.Contains([]int{200, 400, 404}, r.StatusCode) {
						t.Fatalf("%.200s: %s, %v: %s", target, r.Status, err, body)
					}
					if html := strings.Contains(r.Header.Get("Content-Type"), "html"); html && strings.Contains(string(body), "<script>") || r.Header.Get("Access-Control-Allow-Origin") != "" {
						t.Fatalf("%.200s: answered %s", target, body)
					}
				}
			}
		}
	}
	if code, _, body := get(t, p, "/healthz"); code != 200 || body != `{"status":"ok"}` {
		t.Errorf("afterwards /healthz answers %d, %s", code, body)
	}
}

// monitorPatience is three times what a request may take to come.
const monitorPatience = 3 * 5 * time.Second

// Who is slow with a request is cut in time.
func TestSlowMonitorRequestsAreCut(t *testing.T) {
	t.Parallel()
	p := process(t, candidate.Setting{Options: transcript.Options{"http_port": "-1"}})
	var all sync.WaitGroup
	for _, begun := range []string{"", "G", "GET /varz HTTP/1.1\r\nHost: x\r\n", "GET /varz HTTP/1.1\r\nHost: x\r\nX-Slow: ", "POST /varz HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx"} {
		all.Go(func() {
			if err := cutIn(p.Monitor(), begun); err != nil {
				t.Errorf("a client that sends %q and then a byte now and then: %v", begun, err)
			}
		})
	}
	all.Wait()
}

// cutIn sends something, and a byte every now and then, until the connection is cut.
func cutIn(address, begun string) error {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, begun); err != nil {
		return err
	}
	start := time.Now()
	drip := time.NewTicker(200 * time.Millisecond)
	defer drip.Stop()
	gone := make(chan struct{})
	go func() { // ends with the connection
		io.Copy(io.Discard, conn)
		close(gone)
	}()
	for time.Since(start) < monitorPatience {
		select {
		case <-gone:
			return nil
		case <-drip.C:
			if begun != "" {
				conn.Write([]byte("x")) // fails once it is cut
			}
		}
	}
	return fmt.Errorf("not cut in %v", monitorPatience)
}
