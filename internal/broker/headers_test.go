package broker

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
	"gnatsd-ev/internal/transcript"
)

// Headers: whatever stands in a message and however much of it is header block, who
// takes headers gets all of it, who does not gets what follows the block, and the
// trace and the counters say the same.

// A headerStage is a broker with who publishes and who listens.
type headerStage struct {
	rig     *rig
	log     chan string
	parties []*party
	number  int // of the message
}

// A party is one connection. The first one publishes.
type party struct {
	*client
	cid     string // as log lines have it
	headers bool
	sole    bool // alone on its loop with its subject; else one of a crowd
}

// A headerMessage is what is published.
type headerMessage struct {
	subject, reply string
	payload        []byte
	header         int
}

func FuzzHeaders(f *testing.F) {
	s := newHeaderStage(f)
	for i, payload := range headerSeeds(f) {
		f.Add(payload, uint16(min(len(payload), 12+i%3)), uint16(0), i%2 == 0, i%3 == 0)
		f.Add(payload, uint16(len(payload)), uint16(sharedMin-len(payload)%3), i%2 == 1, i%3 == 1)
	}
	f.Fuzz(func(t *testing.T, payload []byte, header, more uint16, replied, sole bool) {
		s.number++
		m := headerMessage{subject: fmt.Sprintf("crowd.%d.", s.number), payload: payload}
		if sole {
			m.subject = fmt.Sprintf("sole.%d.", s.number)
		}
		if replied {
			m.reply = "answer.to"
		}
		// More of the same, so that it is stored and passed on in every way there is.
		for i := range int(more) % (3 * sharedMin) {
			m.payload = append(m.payload, byte(i*7))
		}
		m.header = int(header) % (len(m.payload) + 1)
		s.check(t, m)
	})
}

// headerSeeds are payloads as clients send them, and such as no client should.
func headerSeeds(f *testing.F) [][]byte {
	seeds := [][]byte{
		nil, []byte("NATS/1.0\r\n\r\n"), []byte("NATS/1.0\r\nKey: value\r\n\r\nbody"), []byte("NATS/1.0 503\r\n\r\n"),
		[]byte("NATS/1.0 404 No Messages\r\nA:b\r\n\r\n"), []byte("NATS/1.0\nA: b\n\n"), []byte("nats/1.0\r\n\r\n"),
		[]byte("\r\n\r\n\r\n"), []byte("PUB x 1\r\na\r\n"), []byte("\x00\x1b[31m\xff\u0085\u2028"), []byte("\"]\n[TRC] forged"),
	}
	streams, err := transcript.SentIn("testdata/wire", 4<<10)
	if err != nil {
		f.Fatal(err)
	}
	for _, stream := range streams {
		if at := bytes.Index(stream, []byte("HPUB ")); at >= 0 {
			seeds = append(seeds, stream[at:])
		}
	}
	return seeds
}

func newHeaderStage(f *testing.F) *headerStage {
	s := &headerStage{log: make(chan string, 4096)}
	log, err := logging.New(logging.Options{Output: lines(s.log), Trace: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { log.Close(time.Second) })
	s.rig = startLogged(f, log, 2, func(o *config.Options) {
		o.Trace, o.PingInterval = true, 24*time.Hour
	})
	for i := range 9 {
		// On each loop a crowd of two with headers and one without, of one sid; and one that is
		// alone with its subject. The ninth publishes.
		p := &party{headers: i%4 < 2 || i == 8, sole: i%4 == 3}
		if p.sole {
			p.headers = i > 4
		}
		p.client = s.rig.on(i/4, fmt.Sprintf("party %d", i), fmt.Sprintf(`CONNECT {"verbose":false,"headers":%t}`, p.headers))
		subject := "crowd.*.>"
		if p.sole {
			subject = "sole.*.>"
		}
		if i < 8 {
			p.send("SUB " + subject + " 1")
		}
		p.send("SUB end.* 2")
		p.barrier("what it subscribed to")
		p.cid = p.local().String() + " "
		s.parties = slices.Insert(s.parties, 0, p)
	}
	return s
}

// lines is the far end of a log.
type lines chan string

// Write takes whole lines.
func (l lines) Write(b []byte) (int, error) {
	for line := range strings.Lines(string(b)) {
		l <- strings.TrimSuffix(line, "\n")
	}
	return len(b), nil
}

// check publishes a message, and behind it one that everybody waits for.
func (s *headerStage) check(t *testing.T, m headerMessage) {
	end := fmt.Sprintf("end.%d", s.number)
	before := s.counted()
	p := s.parties[0]
	p.t = t
	p.write(fmt.Appendf(nil, "%s\r\n%s\r\nPUB %s 0\r\n\r\n", m.line("HPUB", "", m.header, len(m.payload)), m.payload, end))
	said := make(map[string][]string)
	takers := 0
	for i, p := range s.parties {
		p.t = t
		want := m.to(p)
		if i == 0 {
			want = ""
			said[p.cid] = append(said[p.cid], traced("<<-", m.line("HPUB", "", m.header, len(m.payload)), m.payload)...)
			said[p.cid] = append(said[p.cid], "<<- [PUB "+end+" 0]")
		}
		var got string
		for f := p.next("the last message"); f.subject != end; f = p.next("the last message") {
			if strings.HasPrefix(f.subject, m.subject) { // else left by a message that failed
				got += fmt.Sprintf("%s %s %s %s %q %q\n", f.verb, f.subject, f.sid, f.reply, f.header, f.payload)
			}
		}
		if got != want {
			t.Fatalf("%s, headers %t: got\n%swant\n%s", p.name, p.headers, got, want)
		}
		if want != "" {
			takers++
			said[p.cid] = append(said[p.cid], m.traceTo(p)...)
		}
		said[p.cid] = append(said[p.cid], "->> [MSG "+end+" 2 0]")
	}
	s.checkTrace(t, end, said)
	// The last one has no bytes; all have it.
	after, size := s.counted(), int64(len(m.payload))
	want := traffic{before.in + 2, before.inBytes + size, before.out + int64(takers+len(s.parties)), before.outBytes + size*int64(takers)}
	if after != want {
		t.Fatalf("%d bytes, header %d, to %d: counted %+v, want %+v", size, m.header, takers, after, want)
	}
}

// line is a control line as the protocol has it; a negative header size is none.
func (m *headerMessage) line(verb, sid string, header, total int) string {
	fields := []string{verb, m.subject + "x"}
	for _, field := range []string{sid, m.reply} {
		if field != "" {
			fields = append(fields, field)
		}
	}
	if header >= 0 {
		fields = append(fields, strconv.Itoa(header))
	}
	return strings.Join(append(fields, strconv.Itoa(total)), " ")
}

// takes reports whether a party is subscribed to the message.
func (m *headerMessage) takes(p *party) bool { return p.sole == strings.HasPrefix(m.subject, "sole") }

// to is the frame a party must get, if any.
func (m *headerMessage) to(p *party) string {
	switch {
	case !m.takes(p):
		return ""
	case p.headers && m.header > 0:
		return fmt.Sprintf("HMSG %sx 1 %s %q %q\n", m.subject, m.reply, m.payload[:m.header], m.payload[m.header:])
	}
	return fmt.Sprintf("MSG %sx 1 %s \"\" %q\n", m.subject, m.reply, m.payload[m.header:])
}

// traceTo is what the log says of it.
func (m *headerMessage) traceTo(p *party) []string {
	if p.headers && m.header > 0 {
		return traced("->>", m.line("HMSG", "1", m.header, len(m.payload)), m.payload)
	}
	body := m.payload[m.header:]
	return traced("->>", m.line("MSG", "1", -1, len(body)), body)
}

// traced is the trace of a message.
func traced(arrow, line string, payload []byte) []string {
	said := []string{arrow + " [" + line + "]"}
	if len(payload) > 0 {
		said = append(said, fmt.Sprintf("%s MSG_PAYLOAD: [%q]", arrow, payload))
	}
	return said
}

// checkTrace reads the log until it has said of each party that the last message went to it.
func (s *headerStage) checkTrace(t *testing.T, end string, want map[string][]string) {
	got := make(map[string][]string)
	late := time.After(patience)
	for left := len(want); left > 0; {
		var line string
		select {
		case line = <-s.log:
		case <-late:
			t.Fatalf("the log says no more than %q", got)
		}
		_, text, trace := strings.Cut(line, "[TRC] ")
		cid, what, _ := strings.Cut(text, "- ")
		_, what, _ = strings.Cut(what, " - ")
		if !trace || want[cid] == nil {
			continue
		}
		got[cid] = append(got[cid], what)
		if what == "->> [MSG "+end+" 2 0]" {
			left--
		}
	}
	for cid, lines := range want {
		said := slices.DeleteFunc(got[cid], func(line string) bool { return strings.HasSuffix(line, "[PING]") || strings.HasSuffix(line, "[PONG]") })
		// What comes before was left by a message that failed.
		if said = said[max(0, len(said)-len(lines)):]; !slices.Equal(said, lines) {
			t.Fatalf("the log says\n%q, want\n%q", said, lines)
		}
	}
}

// traffic is what all loops have counted.
type traffic struct{ in, inBytes, out, outBytes int64 }

func (s *headerStage) counted() traffic {
	return traffic{s.rig.count(countInMsgs), s.rig.count(countInBytes), s.rig.count(countOutMsgs), s.rig.count(countOutBytes)}
}
