package server

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/logging"
)

// What is allowed but odd is told at the start, each with what to do about it, and nothing else is.
func TestWarningsSayWhatToDo(t *testing.T) {
	const gigabyte = 1 << 30
	for _, c := range []struct {
		args, file string
		want, cure string
	}{
		{"-a 127.0.0.1", "", "", ""},
		{"-a 127.0.0.1 -m 8222", "", "", ""},
		{"-a 127.0.0.1 --max_connections 5000", "", "max_connections is 5000, but the limit of 1000 open files", "raise it with ulimit -n"},
		{"-a 127.0.0.1 --user u --pass p", "", "Plaintext passwords detected", "use nkeys or bcrypt"},
		{"-a 127.0.0.1 --auth t", "", "Plaintext passwords detected", "use nkeys or bcrypt"},
		{"", "host: \"127.0.0.1\"; authorization { users: [ { user: u, password: p } ] }", "Plaintext passwords detected", "use nkeys or bcrypt"},
		{"-a 127.0.0.1 --user u --pass $2a$11$" + strings.Repeat("x", 53), "", "", ""},
		{"-a 127.0.0.1 --max_pending 128mb --max_connections 900", "", "max_pending is 128 MB, which 900 connections could fill", "lower one of them"},
		{"-a 127.0.0.1 --max_pending 1gb", "", "max_pending is 1024 MB, but all slow readers together may owe", "raise max_pending_total, or lower it"},
		{"-a 127.0.0.1 --max_pending_total 900mb", "", "max_pending_total is 900 MB, but there are only 1024 MB", "lower it"},
		{"-m 8222", "", "the monitor answers whoever reaches this machine", `http: "127.0.0.1:8222"`},
		{"", "http: \"0.0.0.0:8222\"; host: \"127.0.0.1\"", "the monitor answers whoever reaches this machine", `http: "127.0.0.1:8222"`},
	} {
		args := strings.Fields(c.args)
		if c.file != "" {
			name := filepath.Join(t.TempDir(), "odd.conf")
			if err := os.WriteFile(name, []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, "-c", name)
		}
		settings, err := config.Read(args)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		log, err := logging.New(logging.Options{Output: &out})
		if err != nil {
			t.Fatal(err)
		}
		o := settings.Options
		o.MaxPendingTotal = pendingTotal(o, gigabyte)
		if o.MaxConnections == 0 {
			o.MaxConnections = 10
		}
		(&server{log: log, descriptors: 1000, memory: gigabyte}).remark(o, settings.Remarks)
		log.Close(time.Second)
		text := out.String()
		if count := strings.Count(text, "[WRN]"); c.want == "" && count > 0 || c.want != "" && count != 1 || !strings.Contains(text, c.want) || !strings.Contains(text, c.cure) {
			t.Errorf("%s %s: warned %q, want %q, %q", c.args, c.file, text, c.want, c.cure)
		}
	}
}
