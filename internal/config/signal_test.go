package config

import "testing"

func TestSignalIsReadWithItsTarget(t *testing.T) {
	for line, want := range map[string]Signal{
		"--signal reload":                {"reload", ""},
		"--signal=ldm=123":               {"ldm", "123"},
		"-sl quit=/run/gnatsd-ev.pid":    {"quit", "/run/gnatsd-ev.pid"},
		"-p 4333 --signal stop=12*":      {"stop", "12*"},
		"--signal reload --signal term=": {"term", ""},
	} {
		o, action, err := read(line)
		if err != nil || action != SendSignal || *o.Signal != want {
			t.Errorf("%s: %+v, action %d, %v; want %+v", line, o, action, err, want)
		}
	}
}
