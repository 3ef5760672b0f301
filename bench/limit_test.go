package bench

import (
	"math"
	"strings"
	"testing"
)

func TestLimitsAreRead(t *testing.T) {
	for text, want := range map[string]Limit{
		"burst.ours/nats>0.05":      {"burst", "ours", "nats", ">", 0.05},
		"burst-15000.ours<=2":       {"burst-15000", "ours", "", "<=", 2},
		" last.ours / nats >= 1e-3": {"last", "ours", "nats", ">=", 0.001},
		"trickle.ours-1/floor<-1":   {"trickle", "ours-1", "floor", "<", -1},
	} {
		got, err := ParseLimit(text)
		if err != nil || got != want {
			t.Errorf("%q is read as %+v, %v; want %+v", text, got, err, want)
		}
		if again, err := ParseLimit(got.String()); err != nil || again != got {
			t.Errorf("%q is written as %q, which is %+v, %v", text, got, again, err)
		}
	}
	for _, bad := range []string{"", "burst.ours/nats", "burst>1", ".ours>1", "burst.>1", "burst.ours/>1", "burst.ours/nats>", "burst.ours>x", "burst.ours>NaN", "burst.ours=1", "burst.a/b/c>1"} {
		if l, err := ParseLimit(bad); err == nil || !strings.Contains(err.Error(), "a limit is") {
			t.Errorf("%q is read as %+v, %v; want an error that shows the form", bad, l, err)
		}
	}
}

func TestLimitsOnWhatIsNotMeasuredAreRefused(t *testing.T) {
	rows, contenders := []string{"burst"}, []string{"ours", "nats"}
	for text, ok := range map[string]bool{
		"burst.ours/nats>1": true, "burst.nats>1": true, "trickle.ours>1": false, "burst.redis>1": false, "burst.ours/redis>1": false,
	} {
		l, err := ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Check(rows, contenders); (err == nil) != ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestBrokenLimitsAreNamed(t *testing.T) {
	c := &Comparison{Figures: []*Figure{{Name: "burst", Values: map[string][]Value{"ours": {{1, 1}, {2, 3}}, "nats": {{1, 10}, {2, 10}}}}}}
	for text, want := range map[string]string{
		"burst.ours/nats>0.2": "", "burst.ours/nats>0.19": "burst.ours/nats is 0.2000", "burst.ours/nats>=0.2": "burst.ours/nats is", "burst.ours/nats<0.2": "",
		"burst.ours>2": "", "burst.ours<=2": "burst.ours is 2.00", "burst.ours<2.5": "burst.ours is",
		"burst.redis>1": "no value", "burst.ours/redis<1": "no value", "other.ours>1": "no value",
	} {
		l, err := ParseLimit(text)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(c.Broken([]Limit{l}), "; ")
		if (want == "") != (got == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if s := (Limit{"r", "w", "", "<", 1}).broken(math.NaN()); s == "" {
		t.Error("no value passes a limit")
	}
}
