package differential

// The generator's mistakes.

import (
	"bytes"
	"fmt"
	"strings"
)

// integers are what may stand where a number should.
var integers = []string{
	"-1", "-0", "+1", "00", "01", "0000000000", "000000001", "1048575", "1048576", "1048577", "2147483647", "2147483648", "4294967295",
	"4294967296", "999999999", "1000000000", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
	"99999999999999999999", "-9223372036854775808", "-2147483648", "1e3", "0x10", "1.0", "1_0", "NaN", "１", "2\x00", "", "3,", "--1",
}

// controls are bytes that do not belong into an argument.
var controls = []string{"\r", "\n", "\x00", " ", "\t", "\x7f", "\f", "\v", "\x1b", "\x80", "\xff", "\r\n", "\b", "\u2028", "\u0085"}

// wrong sends something that is likely to end the connection.
func (g *generator) wrong(c *genPeer) {
	if g.chance(80) {
		g.tomb(c)
	}
	var data []byte
	if g.chance(40) {
		data = g.operation(c)
	}
	data = append(data, g.mistake(c)...)
	if g.chance(40) {
		data = append(data, g.operation(c)...)
	}
	g.send(c, data)
}

func (g *generator) mistake(c *genPeer) []byte {
	switch g.IntN(10) {
	case 0:
		return g.badNumber(c)
	case 1:
		return g.badFields(c)
	case 2:
		return g.longLine()
	case 3, 4, 5:
		return g.control(c)
	case 6:
		return g.mutated(c)
	case 7:
		return g.badPayload(c)
	case 8:
		return g.badConnect()
	}
	return g.junk()
}

// badNumber puts one of the integers where a number belongs.
func (g *generator) badNumber(c *genPeer) []byte {
	n := pick(g, integers...)
	subject := g.literal()
	switch g.IntN(4) {
	case 0:
		return []byte("PUB " + subject + " " + n + "\r\nhello\r\n")
	case 1:
		return []byte("HPUB " + subject + " " + n + " 20\r\nNATS/1.0\r\n\r\n12345678\r\n")
	case 2:
		return []byte("HPUB " + subject + " 12 " + n + "\r\nNATS/1.0\r\n\r\n12345678\r\n")
	}
	sid := "1"
	if len(c.subs) > 0 {
		sid = pick(g, c.subs...).sid
	}
	return []byte("UNSUB " + sid + " " + n + "\r\n")
}

// badFields has one field too many or one too few.
func (g *generator) badFields(c *genPeer) []byte {
	return []byte(pick(g,
		"PUB\r\n", "PUB \r\n", "PUB 0\r\n\r\n", "PUB "+mark+"\r\n", "PUB a b c 1\r\nx\r\n", "HPUB\r\n", "HPUB "+mark+" 0\r\n\r\n", "HPUB a b c 0 0\r\n\r\n",
		"SUB\r\n", "SUB "+mark+"\r\n", "SUB a b c d\r\n", "SUB \t\r\n", "UNSUB\r\n", "UNSUB \r\n", "UNSUB 1 2 3\r\n", "CONNECT\r\n", "CONNECT \r\n",
		"INFO\r\n", "-ERR\r\n", "-ERR \r\n", "-ERR 'x'\r\n", "-ERR x\n", "PUB \n"+mark+" 0\r\n\r\n", "SUB \n"+mark+" 1\r\n", "UNSUB \t\n1\r\n", "CONNECT \n{}\r\n", "INFO \n{}\r\n",
		"-ERR \nx\r\n", "HPUB \n", "SUB "+mark+".x 1\r\r\n", "PUB "+mark+".x 1\r\r\nx\r\n", "PUB "+mark+".x\r 1\r\nx\r\n", "UNSUB 1\r 1\r\n", "PING\r\r\n", "PING\rPING\r\n", "CONNECT {}\r\r\n"))
}

// longLine is around the limit of control lines, or far beyond.
func (g *generator) longLine() []byte {
	limit := g.script.Class.limits().controlLine
	n := pick(g, limit-1, limit, limit+1, limit+2, limit+3, 2*limit, 5000, 20000)
	end := pick(g, "\r\n", "\r\n", "\n", "")
	switch g.IntN(10) {
	case 0:
		return []byte("SUB " + fill(mark+".", n-2) + " 1" + end)
	case 1:
		return []byte("PUB " + fill(mark+".", n-2) + " 0" + end + "\r\n")
	case 2:
		return []byte("UNSUB " + strings.Repeat("1", n) + end)
	case 3:
		return []byte("CONNECT {" + fill(`"verbose":false,"name":"`, n-3) + `"}` + end)
	case 4:
		return []byte("INFO {" + fill(`"name":"`, n-3) + `"}` + end)
	case 5:
		return []byte("HPUB " + mark + "." + strings.Repeat("a", n-11) + " 0 0" + end + "\r\n")
	case 6:
		return []byte("SUB" + strings.Repeat(" ", n) + mark + " 1\r\n")
	case 7:
		return []byte(pick(g, "PING", "+OK", "PONG") + strings.Repeat("x", n) + "\r\n")
	case 8:
		return []byte("SUB " + mark + ".a 1" + strings.Repeat("\t", n-10) + end)
	}
	return []byte("-ERR " + strings.Repeat("e", n) + end)
}

// control puts a control character somewhere into an operation, not within the mark.
func (g *generator) control(c *genPeer) []byte {
	data := g.operation(c)
	if g.chance(60) {
		data = g.publish(c)
	}
	at := g.outsideMark(data)
	return append(append(bytes.Clone(data[:at]), pick(g, controls...)...), data[at:]...)
}

// outsideMark returns a place in data that is not within a mark.
func (g *generator) outsideMark(data []byte) int {
	end := bytes.IndexByte(data, '\n') + 1 // most likely in the control line
	if end == 0 || g.chance(10) {
		end = len(data)
	}
	for {
		at := g.IntN(end)
		if data[at] <= markFirst || data[at] > markLast {
			return at
		}
	}
}

// mutated changes bytes of an operation, not those of the mark.
func (g *generator) mutated(c *genPeer) []byte {
	data := g.operation(c)
	for range 1 + g.IntN(3) {
		at := g.outsideMark(data)
		if data[at] == markFirst {
			continue
		}
		switch g.IntN(3) {
		case 0:
			data = append(bytes.Clone(data[:at]), data[at+1:]...)
		case 1:
			data[at] = byte(g.IntN(markFirst))
		case 2:
			data = append(append(bytes.Clone(data[:at]), data[at]), data[at:]...)
		}
		if len(data) == 0 {
			break
		}
	}
	return data
}

// badPayload is too long, or not followed by CRLF.
func (g *generator) badPayload(c *genPeer) []byte {
	subject, limit := g.literal(), g.script.Class.limits().payload
	switch g.IntN(7) {
	case 0:
		return []byte("PUB " + subject + " 2\r\nhi\n")
	case 1:
		return []byte("PUB " + subject + " 2\r\nhix\r\n")
	case 2:
		return []byte("PUB " + subject + " 2\r\nh\r\n")
	case 3:
		return []byte("PUB " + subject + " 2\r\nhi\r\r\n")
	case 4:
		size := limit + pick(g, 1, 1, 2, 100)
		return fmt.Appendf(nil, "PUB %s %d\r\n%s\r\n", subject, size, strings.Repeat("x", min(size, 4000)))
	case 5:
		return fmt.Appendf(nil, "HPUB %s %d %d\r\n", subject, limit+1, limit+1)
	}
	return fmt.Appendf(nil, "HPUB %s 5 4\r\nabcd\r\n", subject)
}

// badConnect is a CONNECT or INFO that is refused, or should be.
func (g *generator) badConnect() []byte {
	return []byte(pick(g, "CONNECT", "CONNECT", "CONNECT", "INFO") + " " + pick(g,
		"{", "x", "[]", "null", `"a"`, "{}x", `{"verbose":1}`, `{"verbose":"false"}`, `{"protocol":2}`, `{"protocol":-1}`, `{"protocol":1.5}`, `{"protocol":"1"}`,
		`{"no_responders":true}`, `{"headers":false,"no_responders":true}`, `{"headers":1}`, `{"account":"A"}`, `{"new_account":true}`, `{"account":"A","new_account":true}`,
		`{"name":5}`, `{"name":null}`, `{"echo":null}`, `{"import":"x"}`, `{"export":5}`, `{"remote_account":{}}`, `{"import":{"allow":1},"verbose":false}`,
		`{"sig":1}`, `{"nkey":[]}`, `{"user":{}}`, `{"proxy_sig":1}`, `{"tls_required":"x"}`, `{"verbose":false,}`, `{'verbose':false}`, `{"verbose":false} {}`,
		`{"name":"\ud800"}`, "{\"name\":\"\x01\"}", "{\"name\":\"\xff\"}", `{"a":{"a":{"a":{}}}}`, `{"proto":"x"}`, `{"cluster":5}`, `{"gateway":5}`, `{"max_payload":1e99}`, `{"nonce":7}`,
		`{"port":"x"}`, `{"connect_urls":5}`, `{"ldm":"x"}`, `{"import":{"allow":["a"]},"ip":5}`) + pick(g, "\r\n", "\r\n", "\n", "\r\r\n"))
}

// junk is no operation at all.
func (g *generator) junk() []byte {
	if g.chance(40) {
		b := make([]byte, 1+g.IntN(40))
		for i := range b {
			b[i] = byte(g.IntN(markFirst))
		}
		return append(b, '\r', '\n')
	}
	return []byte(pick(g,
		"\r\n", "\n", " PING\r\n", "\tPUB a 0\r\n\r\n", "MSG a 1 0\r\n\r\n", "HMSG a 1 0 0\r\n\r\n", "HM", "HMS", "hm\r\n", "RS+ a\r\n", "LS+ a\r\n", "A+ a\r\n", "RMSG a b 0\r\n\r\n",
		"PUBx a 0\r\n\r\n", "PU", "PUB", "SUBS a 1\r\n", "SUBa 1\r\n", "UNSUBSCRIBE 1\r\n", "+", "+O\r\n", "+OKAY\r\n", "-", "-E\r\n", "-ERRx\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01", "\x00", "\xff\xfe", "QUIT\r\n", "PINGx\r\n", "pinG\r\n", "CONNECTx {}\r\n", "CONNECT{}\r\n", "connect\t{}\r\n", "INFOx\r\n", "h", "-err", "H P"))
}
