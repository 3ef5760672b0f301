package differential

// The generator's operations that are in order, or nearly so.

import (
	"fmt"
	"strings"
)

// connect returns a CONNECT with some of its fields.
func (g *generator) connect(c *genPeer) []byte {
	var fields []string
	add := func(percent int, name string, values ...string) {
		if g.chance(percent) {
			fields = append(fields, fmt.Sprintf("%q:%s", name, pick(g, values...)))
		}
	}
	add(85, "verbose", "false", "false", "false", "true")
	add(70, "pedantic", "false", "false", "true")
	add(40, "echo", "true", "false")
	headers := g.chance(70)
	if headers {
		fields = append(fields, `"headers":true`)
		add(50, "no_responders", "true", "true", "false")
	} else {
		add(10, "headers", "false")
	}
	add(50, "protocol", "1", "1", "0")
	add(30, "name", `"differential"`, `""`, `"é\n"`, `"a b"`)
	add(30, "lang", `"go"`, `"\u0000"`)
	add(30, "version", `"1.55.0"`)
	add(10, "tls_required", "false", "true")
	if r := c.stream.realm; r != nil {
		fields = append(fields, g.proof(r, c.stream.unproven)...)
	} else {
		add(5, "user", `"u"`)
		add(5, "pass", `"p"`)
		add(5, "jwt", `"eyJ"`)
		add(5, "nkey", `"UABC"`)
		add(5, "sig", `"AA"`)
		add(5, "auth_token", `"t"`)
	}
	add(8, "unknown", `{"verbose":true}`, "[1,2]", "null", "1e5", `"x"`)
	add(3, "VERBOSE", "true", "false")
	add(3, "verbose", "null", "true")
	add(2, "account", `""`)
	add(2, "import", "null", `{"allow":["a"]}`)
	g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	between := pick(g, " ", " ", " ", " ", "", "\t", "  ")
	return g.line(g.verb("CONNECT") + between + "{" + strings.Join(fields, pick(g, ",", ",", ", ", " , ")) + "}")
}

// subscribe returns a SUB, perhaps with its UNSUB behind it.
func (g *generator) subscribe(c *genPeer) []byte {
	pattern, queue, sid := g.pattern(), "", fmt.Sprint(1+g.IntN(12))
	if g.chance(5) {
		pattern = g.badSubject()
	}
	if g.chance(35) {
		queue, sid = pick(g, "q", "q", "q", "Q", "r", "q.r", "ä", "*", ">"), pick(g, "q1", "q2", "q3", "Q1")
	}
	if g.chance(4) {
		sid = pick(g, "x", "0", "-1", "1.5", "ä", strings.Repeat("9", 40), "\"")
	}
	if g.chance(2) {
		queue, sid = "_sys_", "q9"
	}
	c.subs = append(c.subs, genSub{sid, queue})
	fields := []string{g.verb("SUB"), pattern, sid}
	if queue != "" {
		fields = []string{fields[0], pattern, queue, sid}
	}
	line := g.line(g.fields(fields...))
	// Of a member of a group only the first deliveries can be counted on.
	if queue != "" && g.maxima && g.chance(15) {
		line = append(line, g.line(fmt.Sprintf("UNSUB %s %d", sid, 1+g.IntN(3)))...)
	}
	return line
}

// unsubscribe returns an UNSUB of something known, most of the time.
func (g *generator) unsubscribe(c *genPeer) []byte {
	sub := genSub{sid: fmt.Sprint(1 + g.IntN(12))}
	if len(c.subs) > 0 && g.chance(90) {
		sub = pick(g, c.subs...)
	}
	if sub.queue != "" || !g.maxima || g.chance(40) {
		return g.line(g.fields(g.verb("UNSUB"), sub.sid))
	}
	if g.chance(10) {
		return g.line(g.fields(g.verb("UNSUB"), sub.sid, pick(g, integers...)))
	}
	return g.line(g.fields(g.verb("UNSUB"), sub.sid, fmt.Sprint(g.IntN(7))))
}

// badSubject returns what is no subject to subscribe to, or nearly so.
func (g *generator) badSubject() string {
	tail := pick(g, "", ".", "..a", ".a.", ".>.a", ".a..b", ".>>", ".*a.*", ".a.>.b.>", ".", ".\f", ".a\fb", strings.Repeat(".t", 40))
	if g.chance(15) {
		return pick(g, "", ".") + mark + tail
	}
	return mark + tail
}

// destination returns a subject to publish to that is not always one.
func (g *generator) destination() string {
	switch n := g.IntN(100); {
	case len(g.asked) > 0 && g.chance(40):
		return pick(g, g.asked...)
	case n < 4:
		return g.badSubject()
	case n < 7:
		return g.pattern()
	case n < 9:
		return pick(g, "_GR_.", "$GR.", "$NRG.", "_R_.", "_GR_.a", "$GR.a", "$NRG.a", "_R_.a", "$JS.ACK.a", "_GR_", "$NRG") + "." + mark
	}
	return g.literal()
}

// inboxSubject is where a connection gets answers.
func inboxSubject(peer int) string { return fmt.Sprintf("%s._INBOX.%d", mark, peer) }

// reply returns a reply subject or nothing.
func (g *generator) reply(c *genPeer) []string {
	if c.stream.opts.NoResponders && g.chance(50) {
		return []string{inboxSubject(c.number)}
	}
	switch n := g.IntN(100); {
	case n < 55 && (c.stream.realm == nil || g.chance(30)):
		return nil
	case n < 58:
		return []string{pick(g, "_GR_.a", "$GR.a", "$NRG.a", "_R_.a", "$JS.ACK.a", "_R_.", "$JS.ACK.", "_GR_.")}
	case n < 62:
		return []string{g.badSubject()}
	}
	subject := g.literal()
	if c.stream.realm != nil {
		g.asked = append(g.asked[max(0, len(g.asked)-1):], subject)
	}
	return []string{subject}
}

// body returns a payload no other operation of the script has, if it is long
// enough, around the payload's limit now and then.
func (g *generator) body() string {
	g.serial++
	text := fmt.Sprintf("m%d", g.serial)
	limit := g.script.Class.limits().payload
	switch n := g.IntN(100); {
	case n < 6:
		return ""
	case n < 70:
		return text
	case n < 80:
		return text + pick(g, "\r\n", "\x00\xff", "\r", "\n", "PING\r\n", " MSG a 1 0\r\n\r\n", "\r\nPUB x 0\r\n\r\n")
	case n < 86 && g.script.Class == Limited:
		return fill(text, limit-g.IntN(2))
	}
	size := pick(g, 10, 100, 511, 512, 513, 1000, 2000)
	if g.script.Class != Limited && g.chance(40) {
		size = pick(g, 2047, 2048, 2049, 4096, 5000, 66_000) // shared between loops, larger than a read
	}
	return fill(text, size)
}

func fill(text string, size int) string {
	if len(text) >= size {
		return text
	}
	return text + strings.Repeat(".", size-len(text))
}

func (g *generator) publish(c *genPeer) []byte {
	body := g.body()
	fields := append([]string{g.verb("PUB"), g.destination()}, g.reply(c)...)
	fields = append(fields, g.size(len(body)))
	return append(g.line(g.fields(fields...)), body+"\r\n"...)
}

// size writes a size, now and then with zeros in front.
func (g *generator) size(n int) string {
	if g.chance(3) {
		return fmt.Sprintf("%0*d", 1+g.IntN(9), n)
	}
	return fmt.Sprint(n)
}

// headerBlocks are header blocks and what might be taken for one.
var headerBlocks = []string{
	"NATS/1.0\r\n\r\n", "NATS/1.0\r\nA: b\r\n\r\n", "NATS/1.0\r\nA: b\r\nA: c\r\nX:\r\n\r\n", "NATS/1.0 503\r\n\r\n",
	"NATS/1.0 100 Idle\r\nX: y\r\n\r\n", "", "x", "\r\n", "\r\n\r\n", "NATS/1.0", "NATS/2.0\r\n\r\n", "NATS/1.0\r\nno colon\r\n\r\n",
	"NATS/1.0\r\nA\x00: \x7f\x1b\r\n\r\n", "NATS/1.0\nA: b\n\n", "NATS/1.0\r\nNats-Request-Info: {}\r\n\r\n",
}

func (g *generator) publishHeaders(c *genPeer) []byte {
	header, body := pick(g, headerBlocks...), g.body()
	total := header + body
	if limit := g.script.Class.limits().payload; len(total) > limit && g.chance(80) {
		total = total[:limit]
	}
	fields := append([]string{g.verb("HPUB"), g.destination()}, g.reply(c)...)
	fields = append(fields, g.size(len(header)), g.size(len(total)))
	return append(g.line(g.fields(fields...)), total+"\r\n"...)
}
