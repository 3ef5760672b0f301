//go:build unix

package server

import (
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// sessionLines are conversations with the lines nats-server 2.15.2 logs about
// them with -DV --max_traced_msg_len 6, its times and labels of users left out.
var sessionLines = []struct {
	send string
	want string // in this order; a * stands for what differs by chance
}{
	{`CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1,"name":"n m","lang":"go","version":"1.2","pass":"s"}` + "\r\nPING\r\n" +
		"SUB foo 1\r\nSUB bar q 2\r\nUNSUB 2 1\r\nPUB foo 6\r\nhello!\r\nPUB foo re 0\r\n\r\nHPUB foo re 12 17\r\nNATS/1.0\r\n\r\nhello\r\n" +
		"PUB bar 7\r\nhello!!\r\nINFO {}\r\n+OK\r\nPONG\r\nSUB foo.. 3\r\nUNSUB 1\r\n",
		`[DBG] * - cid:1 - Client connection created
		[TRC] * - cid:1 - <<- [CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1,"name":"n m","lang":"go","version":"1.2","pass":"[REDACTED]"}]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [PING]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> [PONG]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [SUB foo 1]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [SUB bar q 2]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [UNSUB 2 1]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [PUB foo 6]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- MSG_PAYLOAD: ["hello!"]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> [MSG foo 1 6]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> MSG_PAYLOAD: ["hello!"]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [PUB foo re 0]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> [MSG foo 1 re 0]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [HPUB foo re 12 17]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- MSG_PAYLOAD: ["NATS/1..."]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> [HMSG foo 1 re 12 17]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> MSG_PAYLOAD: ["NATS/1..."]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [PUB bar 7]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- MSG_PAYLOAD: ["hello!..."]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> [MSG bar 2 7]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> MSG_PAYLOAD: ["hello!..."]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [PONG]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [SUB foo.. 3]
		[DBG] * - cid:1 - "v1.2:go:n m" - Auto-unsubscribe limit of 1 reached for sid '2'
		[TRC] * - cid:1 - "v1.2:go:n m" - <-> [DELSUB 2]
		[TRC] * - cid:1 - "v1.2:go:n m" - ->> [-ERR Invalid Subject]
		[TRC] * - cid:1 - "v1.2:go:n m" - <<- [UNSUB 1]
		[TRC] * - cid:1 - "v1.2:go:n m" - <-> [DELSUB 1]
		[DBG] * - cid:1 - "v1.2:go:n m" - Client connection closed: Client Closed`},
	// Subscribers that take no headers; one of ours quotes what cannot be printed.
	{"SUB foo 1\r\nSUB a\x1b[2J s\r\nSUB b _sys_ 7\r\nPUB _GR_.x 0\r\n\r\nPUB a _R_.x 0\r\n\r\n",
		`[TRC] * - cid:2 - <<- [SUB foo 1]
		[TRC] * - cid:2 - ->> [OK]
		[TRC] * - cid:2 - <<- [SUB "a\x1b[2J" s]
		[TRC] * - cid:2 - <<- [SUB b _sys_ 7]
		[ERR] * - cid:2 - Subscription Violation - Subject "b", Queue: "_sys_", SID 7
		[TRC] * - cid:2 - ->> [-ERR Permissions Violation for Subscription to "b" using queue "_sys_"]
		[ERR] * - cid:2 - Publish Violation - Subject "_GR_.x"
		[ERR] * - cid:2 - Publish Violation - Reply "_R_.x"`},
	{"XYZ\r\n", `[ERR] * - cid:3 - Client parser ERROR, i=0: proto='"XYZ\r\n"...'
		[TRC] * - cid:3 - ->> [-ERR Unknown Protocol Operation]
		[DBG] * - cid:3 - Client connection closed: Protocol Violation`},
	{"CONNECT {\"headers\":true}\r\nHPUB a 5 3\r\n", `[ERR] * - cid:4 - processHeaderPub Header Size larger then TotalSize: "a 5 3"`},
	{"CONNECT {\"account\":\"x\"}\r\n", `[ERR] * - cid:5 - authentication error
		[DBG] * - cid:5 - Client connection closed: Authentication Failure`},
	{"CONNECT {\"protocol\":3}\r\n", `[ERR] * - cid:6 - invalid client protocol
		[DBG] * - cid:6 - Client connection closed: Bad Client Protocol Version`},
	{"CONNECT {\"no_responders\":true}\r\n", `[ERR] * - cid:7 - no responders requires headers support
		[DBG] * - cid:7 - Client connection closed: No Responders Requires Headers`},
	{"-ERR 'x y'\r\n", `[ERR] * - cid:8 - Client Error 'x y'
		[DBG] * - cid:8 - Client connection closed: Parse Error`},
}

// Scripts read these lines, and people who know nats-server do.
func TestSessionLines(t *testing.T) {
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "-DV", "--max_traced_msg_len", "6", "--pin", "off")
	c.logged("stderr", "  Files:")
	addr := regexp.MustCompile(`connections on (\S+)`).FindStringSubmatch(c.read("stderr"))[1]
	for _, session := range sessionLines {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, session.send)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	c.signal(syscall.SIGTERM)
	c.exits(0)
	log := c.read("stderr")
	for _, session := range sessionLines {
		var lines []string
		for line := range strings.SplitSeq(session.want, "\n") {
			lines = append(lines, strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), `\*`, `\S+`))
		}
		inOrder(t, log, lines...)
	}
	if strings.Contains(log, "INFO") || strings.Contains(log, "+OK") {
		t.Errorf("nats-server traces no INFO and no +OK:\n%s", log)
	}
}

// guardedLines are conversations with a broker of one user, and nats-server's lines about them. Whom a client claims
// to be is told, whom it has proved to be stands in front; no secret is in any line.
var guardedLines = []struct{ send, want string }{
	{`CONNECT {"verbose":false,"user":"me","pass":"s3cr3t","name":"n"}` + "\r\nPING\r\n",
		`[TRC] * - cid:1 - <<- [CONNECT {"verbose":false,"user":"me","pass":"[REDACTED]","name":"n"}]
		[TRC] * - cid:1 - "n" - "$G/user:me" - <<- [PING]
		[DBG] * - cid:1 - "n" - "$G/user:me" - Client connection closed: Client Closed`},
	{`CONNECT {"user":"me","pass":"s3cr3t2"}` + "\r\n", `[ERR] * - cid:2 - authentication error - User "me"
		[TRC] * - cid:2 - ->> [-ERR Authorization Violation]
		[DBG] * - cid:2 - Client connection closed: Authentication Failure`},
	{`CONNECT {"user":"x\u001b","pass":"s3cr3t"}` + "\r\n", `[DBG] * - cid:3 - Client connection closed: Authentication Failure`},
	{`CONNECT {"auth_token":"s3cr3t"}` + "\r\n", `[DBG] * - cid:4 - Client connection closed: Authentication Failure`},
	{"PING\r\n", `[DBG] * - cid:5 - Client connection closed: Authentication Failure`},
}

func TestGuardedLines(t *testing.T) {
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "-m", "-1", "-DV", "--pin", "off", "--user", "me", "--pass", "s3cr3t")
	c.logged("stderr", "  Files:")
	log := c.read("stderr")
	addr := regexp.MustCompile(`connections on (\S+)`).FindStringSubmatch(log)[1]
	monitor := regexp.MustCompile(`http monitor on (\S+)`).FindStringSubmatch(log)[1]
	for _, session := range guardedLines {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, session.send)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
		conn.Close()
	}
	answer, err := http.Get("http://" + monitor + "/varz")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(answer.Body)
	answer.Body.Close()
	if err != nil || !strings.Contains(string(page), `"auth_required": true`) || !strings.Contains(string(page), `"auth_timeout": 2`) {
		t.Errorf("/varz: %v, %s", err, page)
	}
	c.signal(syscall.SIGTERM)
	c.exits(0)
	log = c.read("stderr")
	for _, session := range guardedLines {
		var lines []string
		for line := range strings.SplitSeq(session.want, "\n") {
			lines = append(lines, strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), `\*`, `\S+`))
		}
		inOrder(t, log, lines...)
	}
	inOrder(t, log, `\[WRN\].* Plaintext passwords detected, use nkeys or bcrypt`)
	if strings.Contains(log+string(page), "s3cr3t") || strings.Contains(log, "\x1b") {
		t.Errorf("a secret, or a control character, is in\n%s\n%s", log, page)
	}
}
