package conformance

// The wire transcripts, played against the server they were recorded from and
// against gnatsd-ev, in every way of cutting the bytes.

import (
	"path/filepath"
	"testing"

	"gnatsd-ev/internal/transcript"
)

const wireFiles = "../internal/broker/testdata/wire/*.wire"

// scriptsMin is how many transcripts there are at least: fewer means that
// they were not found, not that the broker got simpler.
const scriptsMin = 60

func scripts(t *testing.T) []*transcript.Script {
	t.Helper()
	paths, err := filepath.Glob(wireFiles)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < scriptsMin {
		t.Fatalf("%d transcripts in %s, want at least %d", len(paths), wireFiles, scriptsMin)
	}
	var all []*transcript.Script
	for _, path := range paths {
		script, err := transcript.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, script)
	}
	return all
}

func modes() []transcript.Mode {
	return []transcript.Mode{
		transcript.Whole(), transcript.ByteByByte(), transcript.RandomCuts(1), transcript.RandomCuts(2),
	}
}

func TestTranscripts(t *testing.T) {
	all := scripts(t)
	for _, b := range brokers {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			if b.loops > 0 {
				binary(t) // skips here, once, instead of once a script
			}
			for _, script := range all {
				t.Run(script.Name, func(t *testing.T) {
					t.Parallel()
					playAll(t, b, script)
				})
			}
		})
	}
}

// playAll plays a script in every mode, each time on a server of its own. On
// the oracle a deviation must fail: else it is none and belongs deleted; and
// what it answers by the cut is played whole.
func playAll(t *testing.T, b broker, script *transcript.Script) {
	deviates := b.loops == 0 && script.Deviation != ""
	for _, mode := range modes() {
		if b.loops == 0 && script.Cuts != "" && mode.String() != transcript.Whole().String() {
			continue
		}
		s, stop := b.startUntil(t, script.Options, 0)
		err := transcript.Play(t.Context(), s.Dial, script, mode)
		stop()
		if deviates {
			if err == nil {
				t.Errorf("nats-server answers as the deviation %q says gnatsd-ev does", script.Deviation)
			}
			return // one mode shows it, and each may wait for what never comes
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
