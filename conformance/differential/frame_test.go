package differential

import (
	"bufio"
	"strings"
	"testing"
)

// The reader takes what the protocol allows a server and nothing else.
func TestReadFrame(t *testing.T) {
	for in, good := range map[string]bool{
		"PING\r\n": true, "PONG\r\n": true, "+OK\r\n": true, "INFO {\"a\":1} \r\n": true, "-ERR 'x'\r\n": true, "-ERR ''\r\n": true,
		"MSG a 1 2\r\nhi\r\n": true, "MSG a 1 r 0\r\n\r\n": true, "HMSG a 1 2 4\r\nhihi\r\n": true, "HMSG a 1 r 4 4\r\nhihi\r\n": true,
		"PING\n": false, "PING \r\n": false, "ping\r\n": false, "PUB a 0\r\n\r\n": false, "\r\n": false, "INFO x\r\n": false, "PO\rNG\r\n": false,
		"-ERR x\r\n": false, "-ERR 'a\x01'\r\n": false, "MSG a 1 02\r\nhi\r\n": false, "MSG a 1 2\r\nhi": false, "MSG a 1 2\r\nhix\r\n": false,
		"MSG a 1 1\r\nhi\r\n": false, "MSG a  1 2\r\nhi\r\n": false, "MSG a 1 2 \r\nhi\r\n": false, "MSG a\tb 1 2\r\nhi\r\n": false, "MSG 1 2\r\nhi\r\n": false,
		"HMSG a 1 5 4\r\nhihi\r\n": false, "HMSG a 1 0 4\r\nhihi\r\n": false, "HMSG a 1 4\r\nhihi\r\n": false, "MSG a 1 -1\r\n\r\n": false, "MSG a 1 r s 0\r\n\r\n": false,
	} {
		_, err := readFrame(bufio.NewReader(strings.NewReader(in)))
		if (err == nil) != good {
			t.Errorf("%q: %v", in, err)
		}
	}
}

// What nobody published is a fault, whatever nats-server does.
func TestFaults(t *testing.T) {
	p := newPlan(steps(Ordinary, cut{}, "a CONNECT {\"headers\":true}\r\nHPUB a r 2 4\r\nhibo\r\nPUB b 1\r\nx\r\n"))
	for in, good := range map[string]bool{
		"HMSG a 1 r 2 4\r\nhibo\r\n": true, "MSG a 1 r 2\r\nbo\r\n": true, "MSG b 1 1\r\nx\r\n": true, "PONG\r\n": true,
		"HMSG r 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n": true, "HMSG s 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n": false,
		"HMSG a 1 2 4\r\nhibo\r\n": false, "HMSG a 1 r 1 4\r\nhibo\r\n": false, "MSG a 1 r 4\r\nhibo\r\n": false, "MSG b 1 1\r\ny\r\n": false, "MSG c 1 1\r\nx\r\n": false,
	} {
		f, err := readFrame(bufio.NewReader(strings.NewReader(in)))
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if got := faults(p, []log{{parts: [][]frame{{f}}, end: endOpen}}); (got == "") != good {
			t.Errorf("%q: %q", in, got)
		}
	}
}
