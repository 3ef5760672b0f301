package server

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
)

func TestASignalFindsItsBroker(t *testing.T) {
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "-P", "DIR/pid", "--pin", "off")
	c.logged("stderr", "Server is ready")
	pid := strconv.Itoa(c.cmd.Process.Pid)
	for i, target := range []string{pid, filepath.Join(c.dir, "pid")} {
		teller := start(t, "", nil, "--signal=reopen="+target)
		teller.exits(0)
		c.until("the signal", func() bool { return strings.Count(c.read("stderr"), `Trapped "user defined signal 1"`) == i+1 })
	}
	start(t, "", nil, "-sl", "term="+pid).exits(0)
	c.exits(0)
}

func TestASignalThatCannotBeSentSaysWhy(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for target, want := range map[string]string{
		"0":                                    `invalid pid: "0"`,
		"99999999999":                          `invalid pid: "99999999999"`,
		"2147483647":                           `signal "quit" 2147483647: no such process`,
		write("empty", ""):                     `pid file ` + dir + `/empty: invalid pid: ""`,
		write("group", "-1\n"):                 `pid file ` + dir + `/group: invalid pid: "-1\n"`,
		filepath.Join(dir, "gone"):             "reading the pid file: open " + dir + "/gone: no such file or directory",
		write("long", strings.Repeat("7", 30)): fmt.Sprintf("pid file %s/long: invalid pid: %q", dir, strings.Repeat("7", 20)),
	} {
		err := sendSignal(config.Signal{Command: "quit", Target: target})
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", target, err, want)
		}
	}
}

// Who is told to go and stays is closed, one after another; a SIGTERM meanwhile hurries nobody.
func TestALameDuckSendsItsClientsAway(t *testing.T) {
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", "DIR", "--pin", "off",
		"--lame_duck_duration", "30s", "--lame_duck_grace_period", "100ms")
	c.logged("stderr", "Server is ready")
	addr := c.address()
	var clients []net.Conn
	for range 3 {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		clients = append(clients, conn)
		fmt.Fprintf(conn, "CONNECT {\"protocol\":1}\r\nPING\r\n")
		until(t, conn, `"connect_info":true`)
	}
	c.signal(syscall.SIGUSR2)
	for _, conn := range clients {
		until(t, conn, `"ldm":true`)
	}
	if conn, err := net.Dial("tcp", addr); err == nil {
		conn.Close()
		t.Error("a lame duck accepts new clients")
	}
	c.signal(syscall.SIGTERM)
	c.logged("stderr", `Trapped "terminated" signal`)
	c.signal(syscall.SIGUSR2)
	c.exits(0)
	for _, conn := range clients {
		conn.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadAll(conn); err != nil {
			t.Errorf("a client is not closed cleanly: %v", err)
		}
	}
	inOrder(t, c.read("stderr"), `\[INF\] Trapped "user defined signal 2" signal`, `\[INF\] Entering lame duck mode, stop accepting new clients`,
		`\[INF\] Closing existing clients`, `\[INF\] Initiating Shutdown\.\.\.`, `\[INF\] Server Exiting\.\.`)
}

// An interrupt ends the grace period.
func TestALameDuckCanBeHurried(t *testing.T) {
	c := start(t, "", nil, "-a", "127.0.0.1", "-p", "-1", "--ports_file_dir", "DIR", "--pin", "off", "--lame_duck_grace_period", "1m")
	c.logged("stderr", "Server is ready")
	conn, err := net.Dial("tcp", c.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	until(t, conn, "INFO")
	c.signal(syscall.SIGUSR2)
	c.logged("stderr", "Entering lame duck mode")
	c.signal(syscall.SIGINT)
	c.exits(0)
	if strings.Contains(c.read("stderr"), "Closing existing clients") {
		t.Error("it closed clients one after another though it was interrupted")
	}
}

// until reads from a connection until text has come.
func until(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(patience))
	var got []byte
	for b := make([]byte, 1); !strings.Contains(string(got), text); got = append(got, b[0]) {
		if _, err := conn.Read(b); err != nil {
			t.Fatalf("%q did not come, but %q: %v", text, got, err)
		}
	}
}
