package bench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestVarzDifference(t *testing.T) {
	answers := []string{
		`{"now":"2026-01-01T00:00:00Z","collector":{"gc_cpu_seconds":1,"process_cpu_seconds":10,"collections":3,"longest_pause":5},
		"loops":[{"turns":10,"out_msgs":100,"lag":{"minute":7000,"ever":9000}},{"turns":5,"lag":{"minute":1,"ever":50}}]}`,
		`{"now":"2026-01-01T00:00:10Z","collector":{"gc_cpu_seconds":1.5,"process_cpu_seconds":20,"collections":8,"longest_pause":6},
		"loops":[{"turns":40,"out_msgs":600,"in_msgs":2,"lag":{"minute":7000,"ever":9000}},{"turns":6,"loans":1,"parcel_msgs":2,"lag":{"minute":8000,"ever":8000}}]}`,
		`{"connections":1}`, `nonsense`,
	}
	at := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/varz" || at == len(answers) {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, answers[at])
		at++
	}))
	defer s.Close()
	addr := strings.TrimPrefix(s.URL, "http://")
	var got [2]Varz
	for i := range got {
		var err error
		if got[i], err = FetchVarz(t.Context(), addr); err != nil {
			t.Fatal(err)
		}
	}
	want := VarzChange{Seconds: 10, CPUs: 1, Collections: 5, CollectorShare: 0.05, LongestLag: 8 * time.Microsecond, LongestPause: 6,
		Turns: 31, Loans: 1, ParcelMsgs: 2, InMsgs: 2, OutMsgs: 500}
	if c := got[1].Since(got[0]); c != want {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	for _, problem := range []string{"no loops", "read http", "404"} {
		if _, err := FetchVarz(t.Context(), addr); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%v, want %s", err, problem)
		}
	}
}
