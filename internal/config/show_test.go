package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What is shown, read as a file, means the same.
func TestShowReadsBack(t *testing.T) {
	for _, text := range []string{
		"port: 1",
		"listen: '[::1]:5'; server_name: 'a\"\\bc'; http: 'localhost:-1'; max_connections: 0; max_pending: 1g; max_sub_tokens: 3; write_deadline: '90s'",
		"log_file: \"x\\x01 $y\"; trace_verbose: true; event_loops { listen: ['a:1', '[::1]:2'], pin: off, max_pending_total: 1gb }",
		"logtime: off; http_port: 8222; ping_max: 9; max_subs: 7; max_payload: 5; event_loops { io_uring: on, loops: 3 }",
	} {
		first, err := Read([]string{"-c", writtenTo(t, text)})
		if err != nil {
			t.Fatal(err)
		}
		shown := first.Show()
		second, err := Read([]string{"-c", writtenTo(t, shown)})
		if err != nil {
			t.Fatalf("%s\n%v", shown, err)
		}
		second.Options.ConfigFile, second.Options.ConfigDigest = first.Options.ConfigFile, first.Options.ConfigDigest
		if got, want := fmt.Sprintf("%+v", second.Options), fmt.Sprintf("%+v", first.Options); got != want {
			t.Errorf("%s\n got %+v\nwant %+v", shown, second.Options, first.Options)
		}
	}
}

// Permissions are shown so that they read back; passwords are not.
func TestShowAuthorization(t *testing.T) {
	const text = `authorization {
  timeout: 5
  users: [
    { user: "a", password: "c4n4ry", permissions: { publish: { allow: ["x", "y"], deny: ["z"] }, subscribe: { deny: ["p q"] } } }
    { user: "b", password: "c4n4ry", allowed_connection_types: [MQTT], permissions: { allow_responses: { max: 3, expires: "5s" } } }
    { user: "c", permissions: {} }
    { nkey: ` + key1 + ` }
  ]
}
no_auth_user: "a"
`
	before, said := parsed(t, text)
	if said.count(wrong) > 0 {
		t.Fatal(said.text())
	}
	s := &Settings{Options: before.Options, origins: before.origins}
	shown := s.Show()
	if strings.Contains(shown, canary) {
		t.Errorf("the password is shown:\n%s", shown)
	}
	after, said := parsed(t, shown)
	if said.count(wrong) > 0 {
		t.Fatal(shown, said.text())
	}
	for _, d := range []*draft{before, after} {
		for i := range d.Authorization.Users {
			d.Authorization.Users[i].Origin, d.Authorization.Users[i].Password = "", ""
		}
	}
	if !reflect.DeepEqual(after.Authorization, before.Authorization) {
		t.Errorf("%s\n got %+v\nwant %+v", shown, after.Authorization, before.Authorization)
	}
}

func TestShowOrigins(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"a.conf": "port: 5\n\ninclude 'b.conf'\n", "b.conf": "debug: true\nevent_loops { loops: 2 }\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Read(strings.Fields("-c a.conf config show --max-payload=2kb -DV --pin off"))
	if err != nil || s.Action != ShowConfig {
		t.Fatalf("%+v, %v", s, err)
	}
	shown := s.Show()
	for _, want := range []string{`port: 5 +# a.conf:1`, `debug: true +# flag -DV`, `trace: true +# flag -DV`, `max_payload: 2048 +# flag --max-payload`,
		`host: "0.0.0.0" +# default`, `loops: 2 +# b.conf:2`, `pin: off +# flag --pin`, `# max_connections: none is set +# default`} {
		if !regexp.MustCompile(`(?m)^ *` + want + `$`).MatchString(shown) {
			t.Errorf("%s is missing in\n%s", want, shown)
		}
	}
}

// sample is the documented file.
const sample = "../../docs/gnatsd-ev.conf"

// The sample is valid without a remark, and what it says are the defaults.
func TestSample(t *testing.T) {
	s, err := Read([]string{"-t", "-c", sample})
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Remarks) > 0 {
		t.Errorf("%q", s.Remarks)
	}
	want := Default()
	want.ConfigFile, want.ConfigDigest = sample, s.Options.ConfigDigest
	if !reflect.DeepEqual(s.Options, want) {
		t.Errorf("\n got %+v\nwant %+v", s.Options, want)
	}
}

// What is off in the sample is valid too, and every key stands in it.
func TestSampleIsWhole(t *testing.T) {
	bytes, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	text := string(bytes)
	// Three keys exclude others, which are on.
	on := regexp.MustCompile(`(?m)^(?:host|port|http_port):.*\n`).ReplaceAllString(text, "")
	on = regexp.MustCompile(`(?m)^( *)#([^ \n])`).ReplaceAllString(on, "$1$2")
	d, said := parsed(t, on)
	if said.count(wrong) > 0 {
		t.Errorf("%s\n%s", on, said.text())
	}
	if len(d.Authorization.Users) != 3 || len(d.Accounts) != 2 || d.SystemAccount == "" || len(d.Listen) != 1 || d.HTTPHost == "" || d.MaxPendingTotal == 0 {
		t.Errorf("what is off was not all read: %+v", d.Options)
	}
	names := func(all string) string { first, _, _ := strings.Cut(all, " "); return first }
	for _, k := range slices.Concat(keys, eventLoopKeys, tlsKeys) {
		if !regexp.MustCompile(`(?m)^ *#?` + names(k.names) + `: `).MatchString(text) {
			t.Errorf("%s is missing", k.names)
		}
	}
	for _, k := range idleKeys {
		if !strings.Contains(text, " "+names(k.names)) {
			t.Errorf("%s is missing", k.names)
		}
	}
	for _, k := range slices.Concat(refusedKeys, refusedTLSKeys) {
		if !strings.Contains(text, " "+names(k.names)) {
			t.Errorf("%s is missing", k.names)
		}
	}
}
