package conformance

// Readers that stand still while somebody publishes at full speed. All they are owed is bounded,
// and who reads gets everything, about as fast as without them.
//
// Here it is small; make memory PEER=/usr/bin/nats-server does it at full size, beside a nats-server.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"gnatsd-ev/internal/transcript"
)

// A flood is what one test does.
type flood struct {
	Test    string
	Stopped int  // readers that take nothing
	Shared  bool // they want what the healthy one gets; else each a subject of its own
	Payload int
	Volume  int // bytes that are published in one round
	Ahead   int // bytes the publisher is ahead of the healthy reader at most
	Rounds  int // without and with those that stand, in turn
}

// A floodFigure is what came of it.
type floodFigure struct {
	Test      string  `json:"test"`
	Broker    string  `json:"broker"`
	Stopped   int     `json:"stopped"`
	Shared    bool    `json:"one_subject"`
	Setting   string  `json:"setting"`
	PeakMB    int64   `json:"peak_resident_mb"`
	Killed    bool    `json:"killed_at_3_gb"`
	Alone     float64 `json:"healthy_mb_per_s_alone"`
	Beside    float64 `json:"healthy_mb_per_s_beside_stopped"`
	Lost      int     `json:"lost_by_healthy"`
	GCPercent int     `json:"collector_percent"`
}

func floods() []flood {
	if fullSize() {
		return []flood{
			{"T13 one subject", 40, true, 8 << 10, 2048 * megabyte, 16 * megabyte, 1},
			{"T13 distinct", 40, false, 8 << 10, 2048 * megabyte, 16 * megabyte, 1},
		}
	}
	return []flood{
		{"one subject", 8, true, 8 << 10, 24 * megabyte, megabyte, 1},
		{"distinct", 8, false, 8 << 10, 48 * megabyte, megabyte, 1},
	}
}

func TestMemoryBesideStoppedReaders(t *testing.T) {
	budget, slack := int64(16), int64(96)
	options := transcript.Options{"max_pending_total": "16MB", "max_pending": "12MB", "write_deadline": "1m"}
	if fullSize() {
		budget = 256
		options = transcript.Options{"max_pending_total": "256MB", "write_deadline": "1m"}
	}
	for _, f := range floods() {
		t.Run(f.Test, func(t *testing.T) {
			w := watchOurs(t, 2, options)
			figure := f.run(t, w, fmt.Sprint("max_pending_total ", budget, "MB"))
			f.judge(t, w, figure, budget+budget/2+slack)
			if !fullSize() {
				return
			}
			f.Rounds = 1
			limited := watchOurs(t, 2, transcript.Options{"write_deadline": "1m"}, "GOMEMLIMIT=256MiB")
			figure = f.run(t, limited, "GOMEMLIMIT=256MiB")
			f.judge(t, limited, figure, 256+slack)
			if figure.GCPercent >= 25 {
				t.Errorf("the collector took %d %% of the processors", figure.GCPercent)
			}
			if peer := watchPeer(t); peer != nil {
				f.run(t, peer, "default")
			}
		})
	}
}

// judge fails a run of ours that lost something or took too much.
func (f flood) judge(t *testing.T, w *watched, g floodFigure, megabytes int64) {
	t.Helper()
	if g.Lost > 0 || g.PeakMB > megabytes {
		t.Errorf("the healthy reader lost %d messages; %d MB were resident, allowed are %d", g.Lost, g.PeakMB, megabytes)
		t.Log(slowLines(w))
	}
}

// run floods a broker and prints what it saw.
func (f flood) run(t *testing.T, w *watched, setting string) floodFigure {
	t.Helper()
	g := floodFigure{Test: f.Test, Broker: w.name, Stopped: f.Stopped, Shared: f.Shared, Setting: setting}
	var alone, beside []time.Duration
	for range f.Rounds {
		took, lost := f.round(t, w)
		alone, g.Lost = append(alone, took), g.Lost+lost
		for i := range f.Stopped {
			f.stand(t, w, i)
		}
		took, lost = f.round(t, w)
		beside, g.Lost = append(beside, took), g.Lost+lost
	}
	slices.Sort(alone)
	slices.Sort(beside)
	g.Alone, g.Beside = f.rate(alone[f.Rounds/2]), f.rate(beside[f.Rounds/2])
	g.PeakMB, g.Killed = w.peak.Load()/megabyte, w.killed.Load()
	g.GCPercent = w.collectorShare()
	printFigure(t, g)
	return g
}

// rate is what the healthy reader got in a second, in megabytes.
func (f flood) rate(took time.Duration) float64 {
	batch, healthy := f.batch()
	got := f.Volume / len(batch) * healthy * f.Payload
	return math.Round(float64(got)/megabyte/max(took.Seconds(), 1e-9)*10) / 10
}

// stand connects a reader that will take nothing.
func (f flood) stand(t *testing.T, w *watched, i int) {
	subject := "flood.healthy"
	if !f.Shared {
		subject = "flood." + strconv.Itoa(i)
	}
	conn, err := net.Dial("tcp", w.address)
	if err != nil {
		if w.killed.Load() {
			return
		}
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.(*net.TCPConn).SetReadBuffer(16 << 10) // less is only nicer
	if err := introduce(conn, bufio.NewReader(conn), "SUB "+subject+" 1\r\n"); err != nil && !w.killed.Load() {
		t.Fatal(err)
	}
}

// introduce says CONNECT and ops and waits until that is in force.
func introduce(conn net.Conn, in *bufio.Reader, ops string) error {
	if _, err := io.WriteString(conn, "CONNECT {\"verbose\":false}\r\n"+ops+"PING\r\n"); err != nil {
		return err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == "PONG\r\n" {
			return err
		}
	}
}

// round publishes the volume once; a healthy reader gets every message of its subject. It returns how long that
// took and how many the reader missed.
func (f flood) round(t *testing.T, w *watched) (took time.Duration, lost int) {
	t.Helper()
	to, err := net.Dial("tcp", w.address)
	if err != nil {
		return 0, 0 // it was killed: the figure says so
	}
	defer to.Close()
	from, err := net.Dial("tcp", w.address)
	if err != nil {
		return 0, 0
	}
	defer from.Close()
	in := bufio.NewReaderSize(to, 256<<10)
	if introduce(to, in, "SUB flood.healthy 1\r\n") != nil || introduce(from, bufio.NewReader(from), "") != nil {
		return 0, 0
	}
	batch, healthy := f.batch()
	batches := max(f.Volume/len(batch), 1)
	// The healthy one is never far behind, however little of the machine it gets: the
	// publisher waits for it, and for nobody else.
	tokens := make(chan struct{}, max(f.Ahead/len(batch), 1))
	done := make(chan struct{})
	defer close(done)
	began := time.Now()
	go func() { // ends when all is written, with the connection, or with the round
		for range batches {
			select {
			case tokens <- struct{}{}:
			case <-done:
				return
			}
			if _, err := from.Write(batch); err != nil {
				return
			}
		}
	}()
	want := batches * healthy
	got := 0
	for ; got < want; got++ {
		if got > 0 && got%healthy == 0 {
			<-tokens
		}
		to.SetReadDeadline(time.Now().Add(wait))
		if err := readMessage(in, f.Payload); err != nil {
			break
		}
	}
	return time.Since(began), want - got
}

// batch is what the publisher repeats, and how many messages of it the healthy reader gets.
func (f flood) batch() (b []byte, healthy int) {
	payload := bytes.Repeat([]byte("x"), f.Payload)
	add := func(subject string) { b = fmt.Appendf(b, "PUB %s %d\r\n%s\r\n", subject, f.Payload, payload) }
	for i := range f.Stopped {
		if !f.Shared {
			add("flood." + strconv.Itoa(i))
		}
		if f.Shared || i%4 == 0 {
			add("flood.healthy")
			healthy++
		}
	}
	return b, healthy
}

// readMessage takes one MSG and its payload, and answers no PING: the test is short.
func readMessage(in *bufio.Reader, size int) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if bytes.HasPrefix(line, []byte("MSG ")) {
			_, err = in.Discard(size + 2)
			return err
		}
	}
}
