package differential

// The generator: a seed in, a script out.

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// How many connections and steps a script has.
const (
	peersMin, peersMax = 2, 5
	stepsMin, stepsMax = 8, 30
)

// Generate makes the script of a seed. Equal seeds make equal scripts.
func Generate(seed uint64) *Script {
	g := &generator{
		Rand:   rand.New(rand.NewPCG(seed, 0x6e617473)),
		script: &Script{Seed: seed},
	}
	g.maxima = g.chance(65)
	switch n := g.IntN(100); {
	case n < 3:
		g.script.Class = Alone
	case n < 30:
		g.script.Class = Limited
	case n < 60:
		g.script.Class = Guarded
	}
	for range peersMin + g.IntN(peersMax-peersMin+1) {
		g.open()
	}
	for range stepsMin + g.IntN(stepsMax-stepsMin+1) {
		g.step()
	}
	return g.script
}

// A generator knows of each connection what a client would.
type generator struct {
	*rand.Rand
	script *Script
	peers  []*genPeer
	serial int      // of payloads
	asked  []string // reply subjects of late, in a realm
	maxima bool     // the script has UNSUBs with a maximum, and no volleys
}

// genPeer is one connection as the generator sees it.
type genPeer struct {
	number int
	stream *stream
	ended  bool
	owed   []byte // the rest of an operation that was sent in part
	mode   cutMode
	subs   []genSub
}

type genSub struct {
	sid   string
	queue string
}

// chance is true in percent of 100 calls.
func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

// pick returns one of the words.
func pick[T any](g *generator, words ...T) T { return words[g.IntN(len(words))] }

// open begins a connection, most of which CONNECT at once.
func (g *generator) open() {
	c := &genPeer{
		number: len(g.peers), stream: newStream(g.script.Class.limits(), g.script.realm()),
		mode: pick(g, cutWhole, cutWhole, cutWhole, cutRandom, cutRandom, cutBytes),
	}
	g.peers = append(g.peers, c)
	if g.chance(90) || c.stream.realm.byKey() {
		g.send(c, g.connect(c))
		if c.stream.opts.NoResponders {
			g.send(c, fmt.Appendf(nil, "SUB %s inbox\r\n", inboxSubject(c.number)))
		}
	} else {
		g.send(c, []byte("PING\r\n"))
	}
}

// living returns the connections that can go on.
func (g *generator) living() []*genPeer {
	var all []*genPeer
	for _, c := range g.peers {
		if !c.ended && !c.stream.dead {
			all = append(all, c)
		}
	}
	return all
}

func (g *generator) step() {
	living := g.living()
	if len(living) < peersMin || len(g.peers) < peersMax+2 && g.chance(2) {
		g.open()
		return
	}
	c := pick(g, living...)
	if c.owed != nil {
		rest := c.owed
		c.owed = nil
		g.send(c, rest)
		return
	}
	switch n := g.IntN(100); {
	case n < 5 && !g.maxima:
		g.volley(living)
	case n < 9 && g.script.Class != Alone: // where nobody could tell when subscriptions are gone
		g.end(c)
	case n < 18 && g.script.Class != Alone && (g.script.Class != Guarded || g.chance(30)):
		g.wrong(c)
	case n < 26:
		g.begin(c)
	default:
		var data []byte
		for range pick(g, 1, 1, 1, 2, 3, 6) {
			data = append(data, g.operation(c)...)
		}
		g.send(c, data)
	}
}

// send adds a step in which one connection writes data.
func (g *generator) send(c *genPeer, data []byte) {
	g.script.Steps = append(g.script.Steps, Step{kind: kindSend, sends: []send{g.sendOf(c, data)}})
}

func (g *generator) sendOf(c *genPeer, data []byte) send {
	if g.script.Class == Guarded { // the row form-feed says nothing of what a user may not do
		data = bytes.ReplaceAll(data, []byte("\f"), []byte("f"))
	}
	c.stream.feed(data)
	how := cut{mode: c.mode, seed: g.Uint64(), pause: g.chance(8)}
	if how.mode == cutBytes && len(data) > 600 {
		how.mode = cutRandom
	}
	if how.pause && how.mode == cutBytes {
		how.pause = len(data) < 60
	}
	return send{c.number, data, how}
}

// begin writes an operation in part; the rest follows in a later step.
func (g *generator) begin(c *genPeer) {
	data := g.operation(c)
	at := 1 + g.IntN(max(1, len(data)-1))
	if g.chance(30) {
		data = append(g.operation(c), data...)
	}
	c.owed = bytes.Clone(data[at:])
	if len(c.owed) == 0 {
		c.owed = nil
	}
	g.send(c, data[:at])
}

// volley has several connections publish at once.
func (g *generator) volley(living []*genPeer) {
	st := Step{kind: kindVolley}
	for _, c := range living {
		if c.owed != nil || len(c.stream.pending) > 0 {
			continue
		}
		var data []byte
		for range 1 + g.IntN(12) {
			g.serial++
			body := fmt.Sprintf("%s:%d", peerName(c.number), g.serial)
			data = append(data, fmt.Sprintf("PUB %s %d\r\n%s\r\n", g.literal(), len(body), body)...)
		}
		st.sends = append(st.sends, g.sendOf(c, data))
	}
	if len(st.sends) > 1 {
		g.script.Steps = append(g.script.Steps, st)
	}
}

// end ends a connection in one of the ways.
func (g *generator) end(c *genPeer) {
	g.tomb(c)
	c.ended = true
	g.script.Steps = append(g.script.Steps, Step{kind: pick(g, kindHalfClose, kindHalfClose, kindClose, kindReset), peer: c.number})
	g.open()
}

// tomb subscribes a connection that is about to end to a subject of its own.
func (g *generator) tomb(c *genPeer) {
	g.send(c, fmt.Appendf(nil, "SUB tomb.%s.%d %s\r\n", mark, c.number, tombSID))
}

// operation returns one that most likely is in order.
func (g *generator) operation(c *genPeer) []byte {
	switch n := g.IntN(100); {
	case n < 3:
		return g.connect(c)
	case n < 22:
		return g.subscribe(c)
	case n < 36:
		return g.unsubscribe(c)
	case n < 42:
		return g.line(pick(g, "PING", "PONG", "PING", "ping", "PoNg", "+OK", "+ok really", "PING with words", "INFO {}", `INFO{"proto":1}`, `info {"x":[]}`))
	case n < 60 && c.stream.opts.Headers:
		return g.publishHeaders(c)
	}
	return g.publish(c)
}

// line ends a control line, now and then with LF alone.
func (g *generator) line(text string) []byte {
	if g.chance(4) {
		return []byte(text + "\n")
	}
	return []byte(text + "\r\n")
}

// fields joins fields with blanks, and now and then too many of them.
func (g *generator) fields(fields ...string) string {
	var out strings.Builder
	for i, f := range fields {
		if i > 0 {
			out.WriteString(g.blank())
		}
		out.WriteString(f)
	}
	if g.chance(3) {
		out.WriteString(g.blank())
	}
	return out.String()
}

func (g *generator) blank() string {
	if g.chance(92) {
		return " "
	}
	return pick(g, "  ", "\t", " \t ", "\t\t", "   ")
}

// verb returns a verb, now and then in letters of other cases.
func (g *generator) verb(word string) string {
	switch {
	case g.chance(90):
		return word
	case g.chance(50):
		return strings.ToLower(word)
	}
	b := []byte(word)
	for i := range b {
		if g.chance(50) {
			b[i] = strings.ToLower(string(b[i]))[0]
		}
	}
	return string(b)
}

func (g *generator) token() string {
	return pick(g, "a", "b", "c", "a", "b", "A", "ä", "x*", ">x", "*>", "\x7f", "\x1b[0m", "\"'", "$SYS", "_INBOX")
}

func (g *generator) plainToken() string {
	if g.chance(93) {
		return pick(g, "a", "b", "c")
	}
	return g.token()
}

// literal returns a subject to publish to.
func (g *generator) literal() string {
	tokens := []string{mark}
	for range g.depth() {
		tokens = append(tokens, g.plainToken())
	}
	return strings.Join(tokens, ".")
}

// depth is how many tokens a subject has behind the mark: where much is denied, few, so that they meet.
func (g *generator) depth() int {
	if g.script.Class == Guarded {
		return pick(g, 1, 1, 1, 2, 2, 3)
	}
	return pick(g, 1, 1, 2, 2, 3, 4)
}

// pattern returns a subject to subscribe to.
func (g *generator) pattern() string {
	if g.script.Class == Alone && g.chance(40) {
		return pick(g, ">", "*", "*.>", "*.*", "*.a", "*.*.b")
	}
	tokens := []string{mark}
	for range g.depth() {
		if g.chance(30) {
			tokens = append(tokens, "*")
		} else {
			tokens = append(tokens, g.plainToken())
		}
	}
	if g.chance(20) {
		tokens[len(tokens)-1] = ">"
	}
	return strings.Join(tokens, ".")
}
