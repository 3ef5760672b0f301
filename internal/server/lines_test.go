//go:build unix

package server

import (
	"io"
	"net"
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
