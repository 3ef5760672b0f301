package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// varzBytesMax bounds what is read of an answer: it has a few hundred bytes a loop.
const varzBytesMax = 1 << 20

// A Varz is what a running gnatsd-ev tells at /varz of its loops and its collector. Seconds
// and counts only grow.
type Varz struct {
	Now       time.Time `json:"now"`
	Collector struct {
		GC           float64       `json:"gc_cpu_seconds"`
		Total        float64       `json:"total_cpu_seconds"`
		Process      float64       `json:"process_cpu_seconds"`
		Collections  int64         `json:"collections"`
		LongestPause time.Duration `json:"longest_pause"`
	} `json:"collector"`
	Loops []VarzLoop `json:"loops"`
}

// A VarzLoop is one event loop.
type VarzLoop struct {
	Connections int64 `json:"connections"`
	Turns       int64 `json:"turns"`
	Loans       int64 `json:"loans"`
	Letters     int64 `json:"letters"`
	Parcels     int64 `json:"parcels"`
	ParcelMsgs  int64 `json:"parcel_msgs"`
	Held        int64 `json:"held_bytes"`
	InMsgs      int64 `json:"in_msgs"`
	OutMsgs     int64 `json:"out_msgs"`
	Lag         struct {
		Second time.Duration `json:"second"`
		Minute time.Duration `json:"minute"`
		Ever   time.Duration `json:"ever"`
	} `json:"lag"`
}

// FetchVarz asks the monitor at an address, host:port: a broker started with --http_port.
func FetchVarz(ctx context.Context, addr string) (Varz, error) {
	var v Varz
	url := "http://" + addr + "/varz"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return v, fmt.Errorf("ask for /varz: %w", err)
	}
	r, err := http.DefaultClient.Do(request)
	if err != nil {
		return v, fmt.Errorf("ask for /varz: %w", err)
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return v, fmt.Errorf("%s answered %s", url, r.Status)
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, varzBytesMax)).Decode(&v); err != nil {
		return v, fmt.Errorf("read %s: %w", url, err)
	}
	if len(v.Loops) == 0 {
		return v, fmt.Errorf("%s tells of no loops: it is not gnatsd-ev's", url)
	}
	return v, nil
}

// A VarzChange is what happened between two answers.
type VarzChange struct {
	Seconds     float64 // that passed
	CPUs        float64 // processors the broker used
	Collections int64
	// CollectorShare is the collector's part of the processor time the broker used. The
	// runtime counts at the end of a collection: take intervals with several.
	CollectorShare float64
	// LongestLag is the longest time a loop left its sockets alone. It is that of the interval if
	// that is shorter than a minute and nothing was worse in the rest of the minute before.
	LongestLag   time.Duration
	LongestPause time.Duration // of the collector, since the broker started
	Turns        int64         // of all loops
	Loans        int64
	ParcelMsgs   int64
	InMsgs       int64
	OutMsgs      int64
}

// Since takes the difference to an earlier answer of the same broker.
func (v Varz) Since(before Varz) VarzChange {
	c := VarzChange{
		Seconds:      v.Now.Sub(before.Now).Seconds(),
		Collections:  v.Collector.Collections - before.Collector.Collections,
		LongestPause: v.Collector.LongestPause,
	}
	used := v.Collector.Process - before.Collector.Process
	if c.Seconds > 0 {
		c.CPUs = used / c.Seconds
	}
	if used > 0 {
		c.CollectorShare = (v.Collector.GC - before.Collector.GC) / used
	}
	for i, l := range v.Loops {
		if i >= len(before.Loops) {
			break
		}
		b := before.Loops[i]
		lag := l.Lag.Minute
		if l.Lag.Ever > b.Lag.Ever { // a record was set since
			lag = l.Lag.Ever
		}
		c.LongestLag = max(c.LongestLag, lag)
		c.Turns += l.Turns - b.Turns
		c.Loans += l.Loans - b.Loans
		c.ParcelMsgs += l.ParcelMsgs - b.ParcelMsgs
		c.InMsgs += l.InMsgs - b.InMsgs
		c.OutMsgs += l.OutMsgs - b.OutMsgs
	}
	return c
}
