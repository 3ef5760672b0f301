package conformance

// Configuration files: what nats-server's test of a file (-t) says about it, ours says too, but for
// what is refused by design.

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"gnatsd-ev/internal/certificate"
)

// byDesign are complaints about what nats-server takes, each a row of docs/compatibility.md.
var byDesign = regexp.MustCompile(strings.Join([]string{
	"(is|are) not supported", "by an edge broker", "account missing", "clients always get headers",
	"publishers of slow subscribers always wait", "a client whose write timed out is always closed", // refused-options
	"keep one of them",                                                                                    // config-twice
	"nats-server would let everybody in", "have no effect in nats-server", "in nats-server: leave it out", // config-open
	"allowed is ", "cannot be higher than max_pending", "is given twice", "host or host:port is wanted", "control characters", // config-test
}, "|"))

// natsDirectory returns where nats-server's module is, as go.mod names it.
func natsDirectory(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/nats-io/nats-server/v2").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// judge runs both tests of a file and complains if they differ beyond what is by design; text is what to
// call it.
func judge(t *testing.T, binary, dir, file, text string) {
	t.Helper()
	theirs := (&natsserver.Options{}).ProcessConfigFile(file) // what -t does
	cmd := exec.Command(binary, "-t", "-c", file)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Fatal(err)
	}
	var found, strange []string
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, " ") || strings.Contains(line, ": note: ") || strings.HasPrefix(line, "gnatsd-ev: ") {
			continue
		}
		found = append(found, line)
		if !byDesign.MatchString(line) {
			strange = append(strange, line)
		}
	}
	switch {
	case err == nil && theirs != nil:
		t.Errorf("%s: nats-server says %v, we take it", text, theirs)
	case err != nil && theirs == nil && (len(strange) > 0 || len(out) == 0):
		t.Errorf("%s: nats-server takes it, we say %s", text, out)
	case err != nil && theirs != nil && len(found) == 0:
		t.Errorf("%s: nats-server says %v, we only %s", text, theirs, out)
	}
}

// TestConfigsOfNatsServer goes through the configurations nats-server is tested with.
func TestConfigsOfNatsServer(t *testing.T) {
	binary, root := binary(t), natsDirectory(t)
	judged := 0
	for _, of := range []string{"server", "test"} {
		dir := filepath.Join(root, of) // they name certificates from there
		t.Chdir(dir)
		err := filepath.WalkDir("configs", func(path string, d os.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(path, ".conf") {
				judge(t, binary, dir, path, path)
				judged++
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if judged < 90 {
		t.Errorf("only %d files were found", judged)
	}
}

// snippets are files for what those do not come to.
var snippets = []string{
	"", "port: 1", "port: 1.5", "port: '1'", "prot: 1", "p: 1", "p: 1; port: $p", "port: $NOWHERE_AT_ALL", "port 1 host: a", "{\"port\": 1}", "port: 99999999999999999999",
	"host: 5", "host: a", "net: a", "debug: yes", "debug: 1", "listen: a", "listen: ':1'", "listen: 1", "listen: true", "http: 1", "http: ':1'", "http: x",
	"server_name: 'a b'", "server_name: a", "client_advertise: a", "client_advertise: 5", "max_connections: 0", "max_connections: '5'", "max_conn: 5",
	"max_payload: 3gb", "max_payload: 0", "max_control_line: 3gb", "max_pending: 1", "max_sub_tokens: 0", "max_sub_tokens: 256", "max_sub_tokens: 5",
	"ping_interval: 5", "ping_interval: '5'", "ping_interval: '5s'", "write_deadline: 5", "write_deadline: true", "ping_max: 3", "logtime: off", "logfile: 5",
	"disable_sublist_cache: true", "disable_sublist_cache: 1", "max_closed_clients: 5", "max_closed_clients: a", "lame_duck_duration: '5s'", "lame_duck_duration: '30s'",
	"lame_duck_duration: 30", "lame_duck_grace_period: '-1s'", "lame_duck_grace_period: '1s'", "server_tags: [a, b]", "server_tags: a", "server_tags: 5",
	"server_metadata { a: b }", "server_metadata: 5", "feature_flags { a: true }", "feature_flags: 5", "jetstream: disabled", "jetstream: off", "jetstream: perhaps", "no_sys_acc: true",
	"write_timeout: close", "write_timeout: perhaps", "https_port: 0", "syslog: false", "prof_port: 1", "prof_block_rate: 5", "trace_verbose: true", "include 'nowhere.conf'",
	"authorization {}", "authorization: 5", "authorization { user: a }", "authorization { user: a, pass: b }", "authorization { user: a, pass: 5 }", "authorization { usr: a }",
	"authorization { user: a, pass: b, token: c }", "authorization { token: c, users: [] }", "authorization { user: a, users: [{user: b}] }", "authorization { token: t, timeout: 0.5 }",
	"authorization { token: t, timeout: '5s' }", "authorization { token: t, timeout: soon }", "authorization { token: t, timeout: yes }", "authorization { token: t, timeout: 2m }",
	"authorization { users: 5 }", "authorization { users: [5 ] }", "authorization { users: [{pass: b}] }", "authorization { users: [{user: a}, {user: a}] }",
	"authorization { users: [{nkey: a}] }", "authorization { users: [{nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX}] }",
	"authorization { users: [{nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX, user: b}] }", "authorization { users: [{user: a, clients: [standard]}] }",
	"authorization { users: [{user: a, clients: [pigeon]}] }", "authorization { users: [{user: a, connection_types: mqtt}] }", "authorization { users: [{user: a, connection_types: 5}] }",
	"authorization { p { pub: a }, users: [{user: a, permissions: $p}] }", "authorization { p { pub: a }, users: [{user: a}] }", "no_auth_user: 5",
	"authorization { default_permissions { pub: a }, users: [{user: a}] }", "authorization { default_permissions: 5, users: [{user: a}] }",
	"accounts {}", "accounts: []", "accounts: [A, B]", "accounts: [A, A]", "accounts: ['$G']", "accounts: ['$SYS']", "accounts { A {} }", "accounts { A: {} }", "accounts: { A: {}, B: {} }", "accounts { A: 5 }",
	"accounts { '$G' {} }", "accounts { '$SYS' {} }", "accounts { A { users: [{user: a, pass: b}] } }", "accounts { A { users: 5 } }", "accounts { A { users: [5 ] } }", "accounts { A { usrs: [] } }",
	"accounts { A { users: [{user: a, pass: b}, {user: a, pass: b}] } }", "accounts { A { users: [{user: a}] }, B { users: [{user: a}] } }",
	"accounts { A { users: [{user: a}] } }\nauthorization { users: [{user: a}] }", "authorization { users: [{user: a}] }\naccounts { A { users: [{user: a}] } }",
	"accounts { A { users: [{user: a}] } }\nauthorization { users: [{user: b}] }", "accounts { A { users: [{user: a}] } }\nauthorization { user: b, pass: c }",
	"accounts { A { users: [{user: a}] } }\nauthorization { token: c }", "accounts { A { users: [{user: a}] } }\nauthorization {}", "accounts { A {} }\nauthorization { user: b, pass: c }",
	"accounts { A { users: [{nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX}] }, B { users: [{nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX}] } }",
	"accounts { A { nkey: AC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX } }", "accounts { A { nkey: 5 } }", "accounts { A { nkey: AA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCS47C } }",
	"accounts { A { limits {} } }", "accounts { A { limits: 5 } }", "accounts { A { limits { max_connections: 5, max_subscriptions: 6, max_payload: 7, max_leafnodes: 8 } } }",
	"accounts { A { limits { max_conn: -1, max_subs: -1, max_pay: -1, max_leafs: -1 } } }", "accounts { A { limits { max_conn: '5' } } }", "accounts { A { limits { max_conn: 5.5 } } }",
	"accounts { A { limits { max_con: 5 } } }", "accounts { A { limits { max_payload: 1kb } } }", "accounts { A { limits { max_connections: 0 } } }", "accounts { A { limits { max_subs: 0 } } }",
	"accounts { A { limits { max_payload: 5gb } } }", "accounts { A { default_permissions { publish: a }, users: [{user: a, pass: b}] } }", "accounts { A { default_permissions: 5, users: [{user: a}] } }",
	"accounts { A { permissions { publish: a }, users: [{user: a}] } }", "accounts { A { exports: [{stream: a}] }, B { imports: [{stream: {account: A, subject: a}}] } }",
	"accounts { A { mappings { a: b } } }", "accounts { A { jetstream: enabled } }", "accounts { A { msg_trace: a } }", "accounts { p { pub: a }, A { users: [{user: a, permissions: $p}] } }",
	"A { users: [{user: a, pass: b}] }\naccounts { X: $A }", "system_account: A\naccounts { A {} }", "system: A\naccounts { A {} }", "system_account: 5", "no_sys_acc: 5", "no_system_account: false",
	"no_auth_user: a\naccounts { A { users: [{user: a, pass: b}] } }", "'accounts' { 'A B' { users: [{user: a, pass: b}] } }",
}

// secured are what snippets put into the block of TLS, with certificates that are there.
var secured = []string{
	"", "verify: true", "verify: 1", "verify: true, ca_file: ca.pem", "ca_file: nowhere.pem", "ca_file: server.key", "ca_file: 5", "timeout: 5", "timeout: 0.5", "timeout: 90", "timeout: '1m'",
	"timeout: soon", "timeout: yes", "min_version: '1.2'", "min_version: '1.3'", "min_version: '1.1'", "min_version: 1.2", "min_version: '2'", "curve_preferences: [X25519]",
	"curve_preferences: []", "curve_preferences: [P256]", "curve_preferences: X25519", "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256]", "cipher_suites: []",
	"cipher_suites: [5 ]", "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]", "verify_and_map: false", "insecure: false", "handshake_first: false", "handshake_first: auto",
	"verify_cert_and_check_known_urls: true", "pinned_certs: [a]", "connection_rate_limit: 5", "connection_rate_limit: 0", "verfy: true", "cert: a",
}

// permissions are what snippets put into a user's permissions.
var permissions = []string{
	"5", "{}", "{publish: a}", "{publish: 5}", "{publish: [a, b]}", "{publish: [a, 5 ]}", "{publish: 'a..b'}", "{publish: 'a q'}", "{publish: '>'}", "{publish: '>.a'}",
	"{subscribe: 'a q'}", "{subscribe: 'a q r'}", "{subscribe: 'a  q'}", "{subscribe: 'a. q'}", "{subscribe: 'a q.'}", "{subscribe: 'a q.>'}", "{sub: {allow: a, deny: [b]}}", "{sub: {allw: a}}",
	"{sub: {}}", "{sub: {deny: []}}", "{import: a, export: b}", "{pub: a, foo: b}", "{allow_responses: true}", "{allow_responses: false}", "{allow_responses: 5}", "{allow_responses: {}}",
	"{allow_responses: {max: 5, expires: '1m'}}", "{allow_responses: {max: -1, expires: '-1s'}}", "{allow_responses: {max: a}}", "{allow_responses: {expires: 5}}",
	"{allow_responses: {ttl: soon}}", "{allow_responses: {foo: 5}}", "{publish_allow_responses: on}", "{publish: ''}", "{publish: 'a\\tb'}", "{publish: \"a\\tb\"}",
}

func TestConfigSnippets(t *testing.T) {
	binary, dir := binary(t), t.TempDir()
	t.Chdir(dir)
	certificate.NewAuthority("authority").Write(dir, "server")
	all := append(snippets, "tls: 5", "tls { cert_file: server.pem }", "tls { key_file: server.key }", "tls { cert_file: server.pem, key_file: ca.pem }", "tls { cert_file: 5 }")
	for _, s := range secured {
		all = append(all, "tls { cert_file: server.pem, key_file: server.key, "+s+" }")
	}
	for _, p := range permissions {
		all = append(all, "authorization { users: [{user: a, pass: b, permissions: "+p+"}] }")
	}
	for i, text := range all {
		name := fmt.Sprintf("snippet-%d.conf", i)
		if err := os.WriteFile(name, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		judge(t, binary, dir, name, text)
	}
}

// TestKnowsAllOptions reads nats-server's own source for the names it takes at the top of a file.
func TestKnowsAllOptions(t *testing.T) {
	source := filepath.Join(natsDirectory(t), "server", "opts.go")
	file, err := parser.ParseFile(token.NewFileSet(), source, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); !ok || f.Name.Name != "processConfigFileLine" {
			continue
		}
		// The first switch is over the names.
		ast.Inspect(d, func(n ast.Node) bool {
			s, ok := n.(*ast.SwitchStmt)
			if !ok {
				return true
			}
			for _, c := range s.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					name, err := strconv.Unquote(e.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					names = append(names, name)
				}
			}
			return false
		})
	}
	if len(names) < 90 {
		t.Fatalf("only %d names found in %s", len(names), source)
	}
	document, err := os.ReadFile("../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(t.TempDir(), "all.conf")
	if err := os.WriteFile(conf, []byte(strings.Join(names, ": 1.5\n")+": 1.5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := exec.Command(binary(t), "-t", "-c", conf).CombinedOutput()
	if strings.Contains(string(out), "unknown field") || !strings.Contains(string(out), "port is a number with a fraction") {
		t.Errorf("%s", out)
	}
	for _, name := range names {
		if !strings.Contains(string(document), "`"+name+"`") {
			t.Errorf("docs/compatibility.md does not say what becomes of %s", name)
		}
	}
}
