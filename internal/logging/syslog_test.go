package logging

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Severities are nats-server's: daemon.notice for what is told and traced.
func TestLinesGoToSyslogByTheirLevel(t *testing.T) {
	for _, network := range []string{"udp", "unix"} {
		at := "127.0.0.1:0"
		kind := "udp"
		if network == "unix" {
			at, kind = filepath.Join(t.TempDir(), "log"), "unixgram"
		}
		conn, err := net.ListenPacket(kind, at)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		l := open(t, Options{RemoteSyslog: network + "://" + conn.LocalAddr().String(), Time: true, Debug: true, Trace: true})
		l.Infof("told")
		l.Warnf("odd")
		l.Errorf("bad\nnews")
		l.Fatalf("the end")
		l.Debugf("detail")
		l.Tracef("word")
		shut(t, l)
		for _, want := range []string{"29 told", "28 odd", `27 bad\\x0anews`, "26 the end", "31 detail", "29 word"} {
			b := make([]byte, 4096)
			conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			n, _, err := conn.ReadFrom(b)
			if err != nil {
				t.Fatal(err)
			}
			priority, text, _ := strings.Cut(want, " ")
			if got := string(b[:n]); !regexp.MustCompile(`^<` + priority + `>.*gnatsd-ev\[\d+\]: ` + text + "\n?$").MatchString(got) {
				t.Errorf("%s: %q came, want priority %s and %q", network, got, priority, text)
			}
		}
	}
}

func TestASyslogThatCannotBeReachedIsAnError(t *testing.T) {
	for address, want := range map[string]string{
		"localhost:514":         `address of the remote syslog "localhost:514": udp://host:port, tcp://host:port or unix:///path is wanted`,
		"http://localhost":      `address of the remote syslog "http://localhost": udp://host:port, tcp://host:port or unix:///path is wanted`,
		"unix:///nowhere/there": "connecting to syslog: dial unix /nowhere/there: connect: no such file or directory",
	} {
		l, err := New(Options{RemoteSyslog: address})
		if err == nil {
			l.Close(time.Second)
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}
