package bench

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestAddressesAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"127.0.0.2-4":           "[127.0.0.2 127.0.0.3 127.0.0.4]",
		"127.0.0.9":             "[127.0.0.9]",
		"127.0.0.2, 127.0.1.1":  "[127.0.0.2 127.0.1.1]",
		"::1":                   "[::1]",
		"127.0.0.254-255,::1":   "[127.0.0.254 127.0.0.255 ::1]",
		"127.0.0.7-7,127.0.0.1": "[127.0.0.7 127.0.0.1]",
	} {
		if got, err := ParseAddresses(text); err != nil || fmt.Sprint(got) != want {
			t.Errorf("ParseAddresses(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "x", "127.0.0.2-1", "127.0.0.2-256", "127.0.0.2-x", "::1-2", "127.0.0.1,"} {
		if got, err := ParseAddresses(bad); err == nil {
			t.Errorf("ParseAddresses(%q) = %v, want an error", bad, got)
		}
	}
}

func TestStagesAreRead(t *testing.T) {
	stages, err := ParseStages("# all of it\n\nconn --conns 7 # idle\nfanout --rate 10 --size 1k\n & churn --duration 3s\n&reqrep --rate 5\n")
	if err != nil {
		t.Fatal(err)
	}
	names := ""
	for _, s := range stages {
		names += fmt.Sprintf("%s %v ", s.Scenario, s.Beside)
	}
	if want := "conn false fanout false churn true reqrep true "; names != want {
		t.Errorf("stages are %q, want %q", names, want)
	}
	if l := stages[1].Load; l.Rate != 10 || l.Size != 1024 || l.Conns != 1000 || stages[2].Load.Duration != 3*time.Second {
		t.Errorf("loads are %+v and %+v", l, stages[2].Load)
	}
	for _, bad := range []string{
		"", "# nothing", "& fanout", "nothing", "fanout --nothing", "fanout extra", "fanout --conns 0", "mixed", "fanout\n&", "conn --rate 1",
	} {
		if stages, err := ParseStages(bad); err == nil {
			t.Errorf("ParseStages(%q) = %v, want an error", bad, stages)
		}
	}
	if _, err := ParseStages(stagesUsual); err != nil {
		t.Errorf("what mixed runs by itself: %v", err)
	}
	_, example, _ := strings.Cut(StagesHelp, "\n\n")
	if stages, err := ParseStages(example); err != nil || len(stages) != 3 {
		t.Errorf("the example of the help is %v, %v", stages, err)
	}
}

func TestTheilSenIgnoresOutliers(t *testing.T) {
	var x, y []float64
	for i := range 50 {
		x, y = append(x, float64(i)), append(y, 3+2*float64(i))
	}
	y[7], y[30], y[31] = 1e6, -1e6, 0
	if got := TheilSen(x, y); math.Abs(got-2) > 1e-9 {
		t.Errorf("slope is %v, want 2", got)
	}
	if got := TheilSen(x[:1], y[:1]); !math.IsNaN(got) {
		t.Errorf("slope of one point is %v", got)
	}
}

func TestMomentsKeepTheirShape(t *testing.T) {
	var k outline
	for i := range 3 * momentsMax {
		k.add(Moment{At: float64(i)})
	}
	if len(k.all) >= momentsMax {
		t.Errorf("%d moments are kept", len(k.all))
	}
	last, step := -1.0, 0.0
	for i, m := range k.all {
		if i > 1 && m.At-last != step {
			t.Fatalf("moments are %v and then %v apart", step, m.At-last)
		}
		step, last = m.At-last, m.At
	}
}
