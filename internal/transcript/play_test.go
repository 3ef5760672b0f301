package transcript

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"
)

// fakeServer answers each line it is sent with what answers says, written as
// a transcript's text; a line it has no answer for is ignored. The answer
// "bye" closes the connection.
func fakeServer(t *testing.T, greeting string, answers map[string]string) Dial {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() { // ends when the listener is closed
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveFake(conn, greeting, answers) // ends with its peer
		}
	}()
	return func() (net.Conn, error) { return net.Dial("tcp", listener.Addr().String()) }
}

func serveFake(conn net.Conn, greeting string, answers map[string]string) {
	defer conn.Close()
	say := func(text string) {
		data, err := unescape(text)
		if err == nil {
			_, err = conn.Write(data)
		}
		if err != nil {
			conn.Close() // the peer sees the end
		}
	}
	say(greeting)
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		answer, known := answers[lines.Text()]
		switch {
		case answer == "bye":
			return
		case known:
			say(answer)
		case lines.Text() == "PING":
			say(`PONG\r\n`)
		}
	}
}

const fakeGreeting = `INFO {"max_payload":7,"nonce":"abc"} \r\n`

var fakeAnswers = map[string]string{
	"SUB x 1":   `MSG x 1 2\r\nhi\r\n`,
	"TWO":       `MSG x 1 0\r\n\r\nMSG x 2 0\r\n\r\n`,
	"HEAD":      `HMSG x 1 12 14\r\nNATS/1.0\r\n\r\nhi\r\n`,
	"OWN":       `PING\r\n+OK\r\n`,
	"BAD":       `+OK\n`,
	"LONG":      `MSG x 1 3\r\nhi\r\n--`,
	"CUT":       `MSG x 1 9\r\nhi`,
	"QUIT":      "bye",
	"{\"a\":1}": `+OK\r\n`,
}

// Reason strings of the table below are the names of its parts.
func TestPlay(t *testing.T) {
	for _, test := range []struct {
		name, script string
		fails        string // part of the failure; empty for success
	}{
		{"frame is met", "# r\na> SUB x 1\na< MSG x 1 2 | hi", ""},
		{"payload differs", "# r\na> SUB x 1\na< MSG x 1 2 | ho", "MSG x 1 2 | hi"},
		{"line differs", "# r\na> SUB x 1\na< MSG y 1 2 | hi", "MSG x 1 2 | hi"},
		{"payload missing in script", "# r\na> SUB x 1\na< MSG x 1 2", "MSG x 1 2 | hi"},
		{"reason is told", "# because of b\na> SUB x 1\na< PONG", "reason: because of b"},
		{"step is marked", "# r\na> SUB x 1\na< PONG", "->    3  a< PONG"},
		{"mask", "# r\na> SUB x 1\na< MSG x <sid> <size> | hi", ""},
		{"mask needs something", "# r\na> SUB x 1\na< MSG x 1<more> 2 | hi", "MSG x 1 2"},
		{"header", "# r\na> HEAD\na< HMSG x 1 12 14 | NATS/1.0\\r\\n\\r\\nhi", ""},
		{"order counts", "# r\na> TWO\na< MSG x 2 0 |\na< MSG x 1 0 |", "MSG x 1 0 |"},
		{"order is free", "# r\na> TWO\na<~ MSG x 2 0 |\na<~ MSG x 1 0 |", ""},
		{"each of a group once", "# r\na> TWO\na<~ MSG x 1 0 |\na<~ MSG x 1 0 |", "MSG x 2 0 |"},
		{"unexpected before the end", "# r\na> SUB x 1", "unexpected"},
		{"unexpected before a sync", "# r\na> SUB x 1\nsync a\na< MSG x 1 2 | hi", "unexpected"},
		{"server closes", "# r\na> QUIT\na< closed", ""},
		{"server closes unexpectedly", "# r\na> QUIT\nsync a", "closed"},
		{"close is not PONG", "# r\na> PING\na< closed", "PONG"},
		{"greeting is looked at", "# r\na< INFO {\"max_payload\":7,\"nonce\":\"<any>\",\"tls\":\"<absent>\"}", ""},
		{"greeting differs", "# r\na< INFO {\"max_payload\":8}", "max_payload"},
		{"field is absent", "# r\na< INFO {\"tls\":\"<any>\"}", "INFO"},
		{"field is present", "# r\na< INFO {\"nonce\":\"<absent>\"}", "INFO"},
		{"server's PING is skipped", "# r\na> OWN\na< +OK", ""},
		{"server's PING is wanted", "! ping_interval 1s\n# r\na> OWN\na< PING\na< +OK", ""},
		{"server's PING is unwanted", "! ping_interval 1s\n# r\na> OWN\na< +OK", "PING"},
		{"LF alone is no line end", "# r\na> BAD\na< +OK", "does not end in CRLF"},
		{"payload without CRLF", "# r\na> LONG\na< MSG x 1 3 | hi", "does not end in CRLF"},
		{"stream ends in a payload", "# r\na> CUT\na> QUIT\na< closed", "ends in the payload"},
		{"half-close", "# r\na> PING\nhalf-close a\na< PONG\na< closed", ""},
		{"half-close without the end", "# r\na> PING\nhalf-close a\na< PONG", ""},
		{"half-close with more", "# r\na> PING\nhalf-close a", "PONG"},
		{"two peers", "# r\na> SUB x 1\nb> PING\nb< PONG\na< MSG x 1 2 | hi\nsync a b", ""},
		{"who is closed is not asked", "# r\na> SUB x 1\nclose a", ""},
		{"who has ended must not send", "# r\na> QUIT\na< closed\na> PING", "sends after its end"},
		{"reset", "# r\nopen a\nreset a", ""},
		{"recorder's mark", "# r\na> PING\na< ?", "recorder"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, mode := range []Mode{Whole(), ByteByByte(), RandomCuts(3)} {
				err := play(t, test.script, mode)
				switch {
				case test.fails == "" && err != nil:
					t.Errorf("%v: %v", mode, err)
				case test.fails != "" && err == nil:
					t.Errorf("%v: no failure, want one with %q", mode, test.fails)
				case test.fails != "" && !strings.Contains(err.Error(), test.fails):
					t.Errorf("%v: failure without %q:\n%v", mode, test.fails, err)
				}
			}
		})
	}
}

func play(t *testing.T, text string, mode Mode) error {
	t.Helper()
	script, err := Parse("test", text)
	if err != nil {
		t.Fatal(err)
	}
	return Play(t.Context(), fakeServer(t, fakeGreeting, fakeAnswers), script, mode)
}

func TestPlayGivesUp(t *testing.T) {
	script, err := Parse("test", "# r\na< PONG")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	if Play(ctx, fakeServer(t, fakeGreeting, nil), script, Whole()) == nil {
		t.Error("a PONG nobody sent was met")
	}
	if took := time.Since(began); took > patienceMax/2 {
		t.Errorf("ended %v after its context", took)
	}
}

func TestRecord(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"fills in", "# r\na> SUB x 1\na< ?", "# r\na> SUB x 1\na< MSG x 1 2 | hi\n"},
		{"adds at the end", "# r\na> SUB x 1", "# r\na> SUB x 1\na< MSG x 1 2 | hi\n"},
		{"adds before a sync", "# r\na> SUB x 1\nsync a", "# r\na> SUB x 1\na< MSG x 1 2 | hi\nsync a\n"},
		{"keeps masks", "# r\na> SUB x 1\na< MSG x <sid> 2 | hi", "# r\na> SUB x 1\na< MSG x <sid> 2 | hi\n"},
		{"keeps groups", "# r\na> TWO\na<~ MSG x 2 0 |\na<~ MSG x 1 0 |", "# r\na> TWO\na<~ MSG x 2 0 |\na<~ MSG x 1 0 |\n"},
		{"replaces", "# r\na> SUB x 1\na< MSG x 1 2 | ho\n\n# s\na> PING\na< PONG",
			"# r\na> SUB x 1\na< MSG x 1 2 | hi\n\n# s\na> PING\na< PONG\n"},
		{"drops what never comes", "# r\na> SUB x 1\na< MSG x 1 2 | hi\na< PONG", "# r\na> SUB x 1\na< MSG x 1 2 | hi\n"},
		{"the end", "# r\na> QUIT\na< ?", "# r\na> QUIT\na< closed\n"},
		{"only lasting fields", "# r\na< ?", "# r\na< INFO {\"proto\":0,\"headers\":false,\"max_payload\":7}\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			script, err := Parse("test", test.script)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Record(t.Context(), fakeServer(t, fakeGreeting, fakeAnswers), script)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("recorded\n%swant\n%s", got, test.want)
			}
		})
	}
}
