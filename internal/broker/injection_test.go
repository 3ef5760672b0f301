package broker

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

// Injection: whatever bytes stand in the fields of what a client sends, others get the
// messages it published, and nothing else.

// oddBytes are what fields are made of, besides letters: what separates, ends, or is
// taken for an end somewhere.
var oddBytes = []string{"\r", "\n", "\r\n", "\x00", " ", "\t", "\x7f", "\x0b", "\xc2\x85", "\xff", "\r\nPUB x 0\r\n\r\n", "\r\nMSG x 1 0\r\n\r\n", "\r\n+OK\r\n", " 1", "0"}

// oddWord is a word with something odd in it, as a rule.
func oddWord(r *rand.Rand) string {
	word := []string{"a", "b.c", "d"}[r.IntN(3)]
	for range r.IntN(3) {
		at := r.IntN(len(word) + 1)
		word = word[:at] + oddBytes[r.IntN(len(oddBytes))] + word[at:]
	}
	return word
}

// An attempt is what one client sends before its PING, and the message others may get of it.
type attempt struct {
	stream  string
	payload string
	verb    string // PUB or HPUB
	line    string // of it, without its end
}

func newAttempt(r *rand.Rand, number int) attempt {
	a := attempt{verb: []string{"PUB", "HPUB"}[r.IntN(2)]}
	header := "NATS/1.0\r\n" + oddWord(r) + ":" + oddWord(r) + "\r\n\r\n"
	a.payload = header + fmt.Sprintf("body %d of %s", number, oddWord(r))
	fields := []string{a.verb, "odd." + oddWord(r)}
	if r.IntN(2) == 0 {
		fields = append(fields, oddWord(r))
	}
	if a.verb == "HPUB" {
		fields = append(fields, strconv.Itoa(len(header)))
	}
	a.line = strings.Join(append(fields, strconv.Itoa(len(a.payload))), " ")
	sub := "SUB odd.> " + oddWord(r)
	if r.IntN(2) == 0 {
		sub = "SUB odd." + oddWord(r) + " " + oddWord(r) + " " + strconv.Itoa(number)
	}
	a.stream = sub + "\r\n" + a.line + "\r\n" + a.payload + "\r\nPING\r\n"
	return a
}

// fieldsOf is a naive reading of a line's fields behind its verb; false if the line ends before
// its end, or holds what ends or closes it.
func (a *attempt) fieldsOf() (fields []string, whole bool) {
	if strings.ContainsAny(a.line, "\r\n") {
		return nil, false
	}
	return strings.FieldsFunc(a.line, func(r rune) bool { return r == ' ' || r == '\t' })[1:], true
}

// wanted is the frame the watcher gets of an attempt whose line is whole; false if there is none.
func (a *attempt) wanted() (frame, bool) {
	fields, whole := a.fieldsOf()
	sizes := 1
	if a.verb == "HPUB" {
		sizes = 2
	}
	if !whole || len(fields) < 1+sizes || len(fields) > 2+sizes {
		return frame{}, false
	}
	f := frame{verb: "MSG", subject: fields[0], sid: "watch"}
	if len(fields) == 2+sizes {
		f.reply = fields[1]
	}
	header := 0
	if sizes == 2 {
		f.verb = "HMSG"
		header, _ = strconv.Atoi(fields[len(fields)-2])
	}
	f.header, f.payload = []byte(a.payload[:header]), []byte(a.payload[header:])
	return f, true
}

func same(a, b frame) bool {
	return a.verb == b.verb && a.subject == b.subject && a.sid == b.sid && a.reply == b.reply && slices.Equal(a.header, b.header) && slices.Equal(a.payload, b.payload)
}

func TestFieldsOfOneClientAreNoOperationsForAnother(t *testing.T) {
	eachLoops(t, func(t *testing.T, loops int) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		r := start(t, loops, func(o *config.Options) { o.PingInterval = time.Hour })
		watcher := r.on(0, "watcher")
		watcher.send("SUB odd.> watch", "SUB end.* end")
		watcher.barrier("subscribed")
		marker := r.on(loops-1, "marker")
		delivered, begun, cases := 0, time.Now(), scale(200, 1500, 500_000) // in long form a million with both numbers of loops
		for number := range cases {
			a := newAttempt(random, number)
			c := r.raw("hostile")
			c.write([]byte("CONNECT {\"verbose\":false,\"headers\":true}\r\n" + a.stream))
			c.untilAnswered()
			c.conn.SetLinger(0) // so many would use up the ports
			c.conn.Close()
			marker.send(pub(fmt.Sprintf("end.%d", number), ""))
			var got []frame
			for f := watcher.next("the end"); f.sid != "end"; f = watcher.next("the end") {
				got = append(got, f)
			}
			// A line that is cut by its own bytes is several: what they are is another test's to say.
			want, whole := a.wanted()
			switch {
			case len(got) == 1 && whole && same(got[0], want):
				delivered++
			case len(got) == 0:
			case whole, !mayCome(got, a):
				t.Fatalf("%q:\ngot  %q\nwant %q", a.stream, got, want)
			}
		}
		if delivered == 0 {
			t.Error("nothing was ever delivered")
		}
		fmt.Fprintf(t.Output(), "{\"test\":\"T30\",\"loops\":%d,\"cases\":%d,\"delivered\":%d,\"seconds\":%.0f}\n", loops, cases, delivered, time.Since(begun).Seconds())
	})
}

// mayCome reports whether the frames are those of operations that the stream spells out.
func mayCome(got []frame, a attempt) bool {
	for _, f := range got {
		named := strings.Contains(a.stream, f.subject+" ") || strings.Contains(a.stream, f.subject+"\t")
		if !named || !strings.Contains(a.stream, string(f.payload)+"\r\n") || strings.ContainsAny(f.subject+f.reply, "\r\n \t") {
			return false
		}
	}
	return true
}

// untilAnswered reads until the broker has answered PING or has closed.
func (c *client) untilAnswered() {
	c.conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if f, err := c.read(); err != nil || f.verb == "PONG" {
			return
		}
	}
}
