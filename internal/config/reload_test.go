package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// A field without a row would change without a word, or not at all.
func TestEveryOptionHasARow(t *testing.T) {
	have := map[string]bool{}
	for _, r := range rows {
		for f := range strings.FieldsSeq(r.fields) {
			have[f] = true
		}
	}
	want := map[string]bool{}
	var walk func(prefix string, s reflect.Type)
	walk = func(prefix string, s reflect.Type) {
		for f := range s.Fields() {
			if f.Type.Kind() == reflect.Struct {
				walk(f.Name+".", f.Type)
				continue
			}
			want[prefix+f.Name] = true
		}
	}
	walk("", reflect.TypeFor[Options]())
	for f := range want {
		if !have[f] {
			t.Errorf("the field %s has no row: nobody has decided whether a reload may change it", f)
		}
	}
	for f := range have {
		if !want[f] {
			t.Errorf("there is a row for %s, which is no field", f)
		}
	}
}

// Each row's value is that of its fields: a change of any of them is seen.
func TestEveryFieldIsCompared(t *testing.T) {
	for _, r := range rows {
		for f := range strings.FieldsSeq(r.fields) {
			if f == "Signal" {
				continue // no option of a broker that runs
			}
			next := *Default()
			at := reflect.ValueOf(&next).Elem()
			for name := range strings.SplitSeq(f, ".") {
				at = at.FieldByName(name)
			}
			switch at.Interface().(type) {
			case string, Choice:
				at.SetString("another")
			case bool:
				at.SetBool(!at.Bool())
			case int, int32, int64, time.Duration:
				at.SetInt(at.Int() + int64(time.Second))
			case uint16:
				at.SetUint(771)
			case []User:
				at.Set(reflect.ValueOf([]User{{Name: "a"}, {NKey: "U"}}))
			case []Account:
				at.Set(reflect.ValueOf([]Account{{Name: "A"}}))
			default:
				at.Set(reflect.MakeSlice(at.Type(), 1, 1))
			}
			if reflect.DeepEqual(r.value(Default()), r.value(&next)) {
				t.Errorf("%s: the row %q does not see that %s has changed", r.name, r.says, f)
			}
		}
	}
}

// reloaded compares two files as a reload does.
func reloaded(t *testing.T, old, next string, flags ...string) ([]string, error) {
	t.Helper()
	var both [2]*Options
	for i, text := range []string{old, next} {
		name := filepath.Join(t.TempDir(), "conf")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Read(append([]string{"-c", name}, flags...))
		if err != nil {
			t.Fatal(err)
		}
		s.Options.ConfigFile = "conf"
		both[i] = s.Options
	}
	return both[0].ChangesTo(both[1])
}

// The words are those of nats-server 2.15.2, found by sending it SIGHUP.
func TestReloadIsToldInNatsServersWords(t *testing.T) {
	const users = `authorization { users: [ {user: a, password: x}, {user: b, password: canary} ] }`
	for _, c := range []struct{ old, next, want string }{
		{"debug: false", "debug: off", ""},
		{"debug: true\nlogtime: true", "trace: true\nlogtime: false", "Reloaded: trace = true|Reloaded: debug = false|Reloaded: logtime = false"},
		{"max_payload: 1000", "max_payload: 100\nmax_control_line: 512\nping_interval: '5s'\nping_max: 7\nwrite_deadline: '3s'\nclient_advertise: '1.2.3.4:5'\nmax_traced_msg_len: 5",
			"Reload: client_advertise = 1.2.3.4:5|Reloaded: ping_interval = 5s|Reloaded: ping_max = 7|Reloaded: max_control_line = 512|Reloaded: max_payload = 100|Reloaded: write_deadline = 3s|Reloaded: max_traced_msg_len = 5"},
		{"debug: false", "max_connections: 7\npid_file: p\nports_file_dir: d\nlog_file: f\nsyslog: true\nremote_syslog: 'udp://h:1'\nlogtime_utc: true",
			"Reloaded: logtime_utc = true|Reloaded: max_connections = 7|Reloaded: pid_file = p|Reloaded: ports_file_dir = d|Reloaded: log_file = f|Reloaded: syslog = true|Reloaded: remote_syslog = udp://h:1"},
		{users, "\n\n" + users, ""}, // on other lines
		{users, strings.Replace(users, "canary", "canary2", 1), "Reloaded: authorization users"},
		{"authorization {token: canary}", "authorization {token: canary2, timeout: 3}", "Reloaded: authorization token|Reloaded: authorization timeout = 3"},
		{"authorization {user: a, password: canary}", "authorization {user: b, password: canary2}", "Reloaded: authorization username|Reloaded: authorization password"},
		{users + "\nno_auth_user: b", `authorization { users: [ {user: a, password: x} ] }`, "Reloaded: authorization users"},

		{"debug: false", "server_name: x", "config reload not supported for ServerName: old=, new=x"},
		{"debug: false", "max_pending: 3000000", "config reload not supported for MaxPending: old=67108864, new=3000000"},
		{"debug: false", "lame_duck_duration: '40s'", "config reload not supported for LameDuckDuration: old=2m0s, new=40s"},
		{"debug: false", "log_size_limit: 100000", "config reload not supported for LogSizeLimit: old=0, new=100000"},
		{"http_port: 8777", "http_port: 8778", "config reload not supported for HTTPPort: old=8777, new=8778"},
		{users + "\nno_auth_user: a", users, "config reload not supported for NoAuthUser: old=a, new="},
		{users, users + "\nno_auth_user: a", "config reload not supported for NoAuthUser: old=, new=a"},
		{"debug: false", "event_loops { loops: 3 }", "config reload not supported for event_loops.loops: old=0, new=3"},
		{"debug: false", "debug: true\nport: 1", "config reload not supported for Port: old=4222, new=1"},
	} {
		lines, err := reloaded(t, c.old, c.next)
		got := strings.Join(lines, "|")
		if err != nil {
			got = err.Error()
		}
		if got != c.want || strings.Contains(got, "canary") {
			t.Errorf("from\n%s\nto\n%s\nit says %s\nwant    %s", c.old, c.next, got, c.want)
		}
	}
}

// What a flag has set the file does not change.
func TestFlagsWinOverAReload(t *testing.T) {
	lines, err := reloaded(t, "max_payload: 1000\nping_max: 3", "max_payload: 2000\nping_max: 4", "--max_payload", "500")
	if fmt.Sprint(lines) != "[Reloaded: ping_max = 4]" || err != nil {
		t.Errorf("a reload says %v, %v", lines, err)
	}
}
