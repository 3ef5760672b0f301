package bench

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// asFloor is set for copies of this test program that serve as a broker.
const asFloor = "BENCH_TEST_FLOOR"

func TestMain(m *testing.M) {
	if os.Getenv(asFloor) == "" {
		os.Exit(m.Run())
	}
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println("floor of a test")
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Minute) // if nobody stops it
	defer stop()
	if err := ServeFloor(ctx, os.Args[1], func(net.Addr) {}); err != nil {
		fmt.Println(err)
	}
}

// A plan is run, written, read, and set beside itself.
func TestPlansAreRunAndStored(t *testing.T) {
	t.Setenv(asFloor, "1")
	var said strings.Builder
	who := Contender{Command: []string{os.Args[0], "127.0.0.1:{port}"}, Scenarios: FloorScenarios}
	a, b, c := who, who, who
	a.Name, b.Name, c.Name, c.Protocol = "a", "b", "c", "mqtt"
	c.Scenarios = []string{"reqrep"} // its protocol has no words for it
	plan := Plan{Table: CompareTable, Contenders: []Contender{a, b, c}, Pairs: []Pair{{"a", "b"}}, Rounds: 2, Only: []string{"fan-10", "reqrep"}, Scale: 0.02, Progress: &said}
	result, err := plan.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	fig := result.Figure("fan-10")
	if r := fig.Ratios["a/b"]; r == nil || r.Rounds != 2 || r.Low <= 0 || r.High < r.Low {
		t.Fatalf("ratio %+v; warnings %q", r, result.Warnings)
	}
	if len(result.Figure("reqrep-one").Values) != 0 || strings.Count(said.String(), "round ") != 4 {
		t.Errorf("a contender ran what it cannot: %s", said.String())
	}
	if result.Contenders[0].Version != "floor of a test" {
		t.Errorf("version %q", result.Contenders[0].Version)
	}
	var file, table bytes.Buffer
	if err := WriteJSON(&file, result); err != nil {
		t.Fatal(err)
	}
	back, err := ReadComparison(&file)
	if err != nil {
		t.Fatal(err)
	}
	changes := Differences(result, back, "b")
	if len(changes.Changes) != 2 || len(changes.Warnings) != 0 {
		t.Fatalf("%d changes, %q", len(changes.Changes), changes.Warnings)
	}
	for _, k := range changes.Changes {
		if k.Ratio.Median != 1 || (k.Contender == "a") != (k.Beside != nil) {
			t.Errorf("a run beside itself: %+v, %v beside b", k.Ratio, k.Beside)
		}
	}
	if err := changes.WriteTable(&table); err != nil || !strings.Contains(table.String(), "| a ") {
		t.Errorf("%v: %s", err, table.String())
	}
	if s := changes.Broken([]Limit{{"fan-10", "a", Old, ">", 0.9}}); len(s) != 1 {
		t.Errorf("broken: %q", s)
	}
	if s := changes.Broken([]Limit{{"fan-10", "a", Old, ">", 1}, {"fan-10", "b", Old, "<", 1}}); len(s) != 0 {
		t.Errorf("broken: %q", s)
	}
}

func TestDifferencesOfUnlikeRunsAreDoubted(t *testing.T) {
	one := &Comparison{Machine: Machine{Host: "a", System: "Linux 1"}, Scale: 1, Contenders: []Contender{{Name: "ours"}},
		Figures: []*Figure{{Name: "burst", Load: Load{Conns: 1}, Values: map[string][]Value{"ours": {{1, 1}}}}}}
	two := &Comparison{Machine: Machine{Host: "a", System: "Linux 2"}, Scale: 0.5, Contenders: []Contender{{Name: "ours"}},
		Figures: []*Figure{{Name: "burst", Load: Load{Conns: 2}, Values: map[string][]Value{"ours": {{1, 1}}}}}}
	d := Differences(one, two, "")
	if all := strings.Join(d.Warnings, "; "); len(d.Changes) != 0 || !strings.Contains(all, "kernel") || !strings.Contains(all, "longer") || !strings.Contains(all, "load") {
		t.Errorf("%d changes, %q", len(d.Changes), d.Warnings)
	}
	for _, bad := range []string{"", "{}", "[1]", "{\"figures\":[]}"} {
		if _, err := ReadComparison(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is a comparison", bad)
		}
	}
}
