package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gnatsd-ev/bench"
	"gnatsd-ev/internal/server"
)

// brokerVariable makes the test binary a broker: the tests start it as one.
const brokerVariable = "GNATSD_EV_BENCH_TEST_BROKER"

func TestMain(m *testing.M) {
	if os.Getenv(brokerVariable) != "" {
		if len(os.Args) > 1 && os.Args[1] == "floor" {
			main()
		}
		os.Exit(server.Run(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Setenv(brokerVariable, "1") // for what the tests start
	os.Exit(m.Run())
}

// call runs the program with blanks between arguments.
func call(t *testing.T, command string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), strings.Fields(command), &o, &e)
	return code, o.String(), e.String()
}

// start is the flags that make a scenario start our broker; they hold blanks.
func start() []string { return []string{"--spawn", os.Args[0] + " -a 127.0.0.1 -p {port}"} }

func TestEveryScenarioAgainstTheBroker(t *testing.T) {
	stages := filepath.Join(t.TempDir(), "stages")
	if err := os.WriteFile(stages, []byte("conn --conns 5 --settle 10ms\nfanout --conns 5 --warmup 10ms --duration 100ms\n& churn --warmup 10ms --duration 100ms"), 0o600); err != nil {
		t.Fatal(err)
	}
	const quick = " --warmup 20ms --duration 150ms"
	for _, command := range []string{
		"conn --conns 50 --ramp 50ms --settle 10ms --hold 50ms --bind 127.0.0.2-4",
		"fanout --conns 20 --verify --size 16:50,1k:45,64k:5" + quick,
		"fanout --conns 20 --rate 2000" + quick,
		"spread --conns 20 --verify" + quick,
		"fanin --conns 20 --verify" + quick,
		"pairs --pairs 3 --verify" + quick,
		"queue --conns 20 --verify" + quick,
		"reqrep --clients 2 --verify" + quick,
		"reqrep --rate 2000 --verify" + quick,
		"reqrep --window 64 --verify" + quick,
		"broadcast --conns 20 --settle 10ms --hold 10ms" + quick,
		"churn --verify" + quick,
		"churn --rate 200 --verify" + quick,
		"storm --conns 200 --rate 1000 --verify",
		"slow --conns 10 --verify --hold 200ms" + quick,
		"soak --conns 10 --verify" + quick,
		"mixed --verify --file " + stages,
		"subs --conns 10 --perconn 10 --verify --settle 10ms" + quick,
		"subs --conns 10 --perconn 10 --wild --verify --settle 10ms" + quick,
		"quiet --conns 10 --verify" + quick,
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(strings.Fields(command), start()...), &out, &errs)
		if code != exitOK {
			t.Errorf("%s: exit status %d: %s%s", command, code, errs.String(), out.String())
		}
	}
}

func TestFilesOfOneRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made")
	at := func(name string) string { return filepath.Join(dir, name) }
	var out, errs bytes.Buffer
	args := append([]string{"fanout", "--conns", "5", "--rate", "1000", "--warmup", "20ms", "--duration", "200ms",
		"--out", at("a.json") + "," + at("a.csv"), "--out", at("a.hgrm")}, start()...)
	if code := run(t.Context(), args, &out, &errs); code != exitOK {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	var report bench.Report
	text, err := os.ReadFile(at("a.json"))
	if err == nil {
		err = json.Unmarshal(text, &report)
	}
	if err != nil {
		t.Fatal(err)
	}
	corrected, _ := report.Metric("latency_p99")
	uncorrected, _ := report.Metric("latency_uncorrected_p99")
	if corrected <= 0 || corrected < uncorrected || report.Machine.Processors == 0 || len(report.Distributions) != 1 {
		t.Errorf("p99 is %v, uncorrected %v, on %+v", corrected, uncorrected, report.Machine)
	}
	for name, want := range map[string]string{
		"a.csv": "fanout,latency_p99.9,", "a.hgrm": "1/(1-Percentile)", "a-uncorrected.hgrm": "#[Max",
	} {
		if text, err := os.ReadFile(at(name)); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, %q is not in %s", name, err, want, text)
		}
	}
	for _, want := range []string{"corrected", "p99.99", "cpu_us_per_delivery", "broker_resident_per_conn"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in the table:\n%s", want, out.String())
		}
	}
}

func TestSlopeAgainstTheBroker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "made", "slope.json")
	var out, errs bytes.Buffer
	args := append([]string{"slope", "--at", "20,60,100", "--rounds", "1", "--settle", "10ms", "--to", "1000", "--out", file}, start()...)
	if code := run(t.Context(), args, &out, &errs); code != exitOK {
		t.Fatalf("exit status %d: %s", code, errs.String())
	}
	var s bench.Slopes
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Points) != 3 || len(s.Slopes) != 2 || s.To != 1000 || s.Points[2].Conns != 100 || s.Points[2].Resident <= 0 {
		t.Errorf("the file holds %+v", s)
	}
	for _, want := range []string{"at 1000 connections, extrapolated: ", "least squares", "resident memory: ", "CPU to connect: "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not in the output:\n%s", want, out.String())
		}
	}
}

func TestURLsAndLogins(t *testing.T) {
	for server, want := range map[string]string{
		"127.0.0.1":                             "127.0.0.1:4222 {  }",
		"nats://127.0.0.1:5000":                 "127.0.0.1:5000 {  }",
		"nats://a:b@127.0.0.1:1,nats://c@other": "127.0.0.1:1 {a b }",
		"token@127.0.0.1:1":                     "127.0.0.1:1 {  token}",
		"nats://[::1]":                          "[::1]:4222 {  }",
		"tls://a:b@localhost:1":                 "127.0.0.1:1 {a b } tls to localhost",
	} {
		p, err := resolve(t.Context(), server)
		got := fmt.Sprintf("%s {%s %s %s}", p.addr, p.login.User, p.login.Password, p.login.Token)
		if p.encrypted {
			got += " tls to " + p.host
		}
		if err != nil || got != want {
			t.Errorf("%s is %s, %v; want %s", server, got, err, want)
		}
	}
	t.Setenv("NATS_USER", "eve")
	t.Setenv("NATS_PASSWORD", "pw")
	if p, _ := resolve(t.Context(), "127.0.0.1"); p.login != (bench.Login{User: "eve", Password: "pw"}) {
		t.Errorf("login of the environment is %+v", p.login)
	}
	if _, err := resolve(t.Context(), "wss://u:hidden@127.0.0.1"); err == nil || strings.Contains(err.Error(), "hidden") {
		t.Errorf("wss is answered with %v", err)
	}
}

func TestMistakesOfTheCaller(t *testing.T) {
	for _, command := range []string{
		"nothing", "fanout extra", "fanout --conns 0", "fanout --size 2m", "fanout --size 1:0", "fanout --rate -1", "fanout --out a.txt",
		"slow --share 100", "slow --conns 1", "soak --rate 0", "reqrep --rate 5 --clients 1", "conn --bind 127.0.0.9-2", "mixed --file /nowhere/at/all",
		"fanout --url http://127.0.0.1", "slope", "slope --spawn x --at 5", "slope --spawn x --at 5,six", "slope --spawn x --at 5,5,5", "slope --spawn x --at 0,1,2",
		"fanout --tlscert a.pem", "fanout --tlscacert /nowhere/at/all", "fanout --users -1", "fanout --free a:b", "slope --spawn x --to 0", "slope --spawn x --out a.csv",
	} {
		if code, _, errs := call(t, command); code != exitUsage || errs == "" {
			t.Errorf("%s: exit status %d, %q; want %d", command, code, errs, exitUsage)
		}
	}
}

func TestFailureIsAnError(t *testing.T) {
	v := &invocation{}
	report := &bench.Report{Result: &bench.Result{Failure: "1 lost"}}
	var out bytes.Buffer
	if err := v.print(report, bench.Target{}, &out); err == nil || !strings.Contains(out.String(), "FAILED: 1 lost") {
		t.Errorf("error %v, output %s", err, out.String())
	}
	if err := v.print(&bench.Report{Result: &bench.Result{}}, bench.Target{}, io.Discard); err != nil {
		t.Error(err)
	}
}

func TestPlainProgressIsRare(t *testing.T) {
	var w bytes.Buffer
	p := newProgress(&w)
	for range 3 {
		p.show("fanout", bench.Moment{At: 1, Deliveries: 5})
	}
	if w.Len() > 0 {
		t.Errorf("%q was printed before five seconds were over", w.String())
	}
	p.said = time.Now().Add(-plainEvery)
	p.show("fanout", bench.Moment{At: 6, Conns: 20, Deliveries: 1234, CPUs: 0.5, ResidentMB: 7})
	p.end()
	if want := "fanout 6 s: 20 connections, 1234 deliveries/s, broker 0.50 processors, 7 MB\n"; w.String() != want {
		t.Errorf("printed %q, want %q", w.String(), want)
	}
}

func TestProgressOnATerminalIsRedrawn(t *testing.T) {
	var w bytes.Buffer
	p := newProgress(&w)
	p.terminal = true
	p.show("conn", bench.Moment{At: 1})
	p.end()
	if want := "\r\x1b[Kconn 1 s: 0 connections, 0 deliveries/s\r\x1b[K"; w.String() != want {
		t.Errorf("printed %q, want %q", w.String(), want)
	}
}
