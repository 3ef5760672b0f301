package bench

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRatioIsMadeRoundByRound(t *testing.T) {
	p := Pair{"ours", "peer"}
	fig := &Figure{Values: map[string][]Value{"ours": {{1, 1}, {2, 2}, {3, 9}}, "peer": {{1, 2}, {2, 2}, {3, 3}}}}
	fig.compare([]Pair{p})
	if r := fig.Ratios["ours/peer"]; r == nil || r.Rounds != 3 || r.Median != 1 || r.Min != 0.5 || r.Max != 3 {
		t.Errorf("ratio %+v, want median 1 of 0.5..3", r)
	}
	fig = &Figure{Values: map[string][]Value{"ours": {{1, 1}, {3, 2}}, "peer": {{1, 2}, {2, 2}, {3, 1}}}}
	if r := fig.ratio(p); r == nil || r.Rounds != 2 || r.Median != 1.25 || r.Min != 0.5 || r.Max != 2 {
		t.Errorf("ratio %+v: rounds that do not belong together were compared", r)
	}
	fig = &Figure{Values: map[string][]Value{"ours": {{1, 1}}, "peer": {{2, 2}}}}
	if r := fig.ratio(p); r != nil {
		t.Errorf("ratio %+v of no common round", r)
	}
}

func TestIntervalNeedsTwoRoundsAboveZero(t *testing.T) {
	p := Pair{"a", "b"}
	for name, values := range map[string]map[string][]Value{
		"one round": {"a": {{1, 1}}, "b": {{1, 2}}},
		"negative":  {"a": {{1, 1}, {2, -1}}, "b": {{1, 2}, {2, 2}}},
		"zero":      {"a": {{1, 0}, {2, 0}}, "b": {{1, 2}, {2, 2}}},
	} {
		if r := (&Figure{Values: values}).ratio(p); r == nil || r.Low != 0 || r.High != 0 {
			t.Errorf("%s: ratio %+v has an interval", name, r)
		}
	}
	same := &Figure{Values: map[string][]Value{"a": {{1, 1}, {2, 2}}, "b": {{1, 2}, {2, 4}}}}
	if r := same.ratio(p); math.Abs(r.Low-0.5) > 1e-9 || math.Abs(r.High-0.5) > 1e-9 {
		t.Errorf("rounds that agree give %+v, want an interval of 0.5 alone", r)
	}
}

// The interval of three rounds, by hand: logarithms of 1/2, 1, 2 have the mean 0
// and the deviation ln 2, so it reaches 4.303 ln 2 / sqrt 3.
func TestIntervalByHand(t *testing.T) {
	fig := &Figure{Values: map[string][]Value{"a": {{1, 1}, {2, 2}, {3, 4}}, "b": {{1, 2}, {2, 2}, {3, 2}}}}
	want := math.Exp(4.303 * math.Ln2 / math.Sqrt(3))
	if r := fig.ratio(Pair{"a", "b"}); math.Abs(r.High-want) > 1e-9 || math.Abs(r.Low*want-1) > 1e-9 {
		t.Errorf("interval %v..%v, want %v..%v", r.Low, r.High, 1/want, want)
	}
}

// What the intervals are for: they must hold the true ratio about 95 times of 100, for
// rounds that share a disturbance, and for two runs that do not.
func TestIntervalsHoldTheTruth(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	const truth, trials = 0.3, 4000
	for _, rounds := range []int{2, 3, 5, 7, 30} {
		held, heldChange := 0, 0
		for range trials {
			fig := &Figure{Values: map[string][]Value{}}
			var was, is []float64
			for round := range rounds {
				mood := math.Exp(random.NormFloat64())
				a, b := truth*math.Exp(0.2*random.NormFloat64()), math.Exp(0.2*random.NormFloat64())
				fig.Values["a"] = append(fig.Values["a"], Value{round, a * mood})
				fig.Values["b"] = append(fig.Values["b"], Value{round, b * mood})
				was, is = append(was, b), append(is, a)
			}
			if r := fig.ratio(Pair{"a", "b"}); r.Low <= truth && truth <= r.High {
				held++
			}
			if r := change(was, is); r.Low <= truth && truth <= r.High {
				heldChange++
			}
		}
		if share := float64(held) / trials; share < 0.935 || share > 0.965 {
			t.Errorf("%d rounds: the interval holds the ratio in %.3f of trials", rounds, share)
		}
		if share := float64(heldChange) / trials; share < 0.935 { // Welch's is wider with few rounds
			t.Errorf("%d rounds: the interval holds the change in %.3f of trials", rounds, share)
		}
	}
}

func TestPairsAreReadAndWritten(t *testing.T) {
	for _, bad := range []string{"", "ours", "/nats", "ours/", "a/b/c"} {
		if p, err := ParsePair(bad); err == nil {
			t.Errorf("%q is read as %v", bad, p)
		}
	}
	b, err := json.Marshal([]Pair{{"ours", "nats"}})
	if err != nil || string(b) != `["ours/nats"]` {
		t.Errorf("written as %s, %v", b, err)
	}
	var back []Pair
	if err := json.Unmarshal(b, &back); err != nil || len(back) != 1 || back[0] != (Pair{"ours", "nats"}) {
		t.Errorf("read back as %v, %v", back, err)
	}
}
