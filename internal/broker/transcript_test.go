package broker

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"

	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/transcript"
)

// scriptsMin is how many transcripts there are at least: fewer means that they
// were not found, not that the broker got simpler.
const scriptsMin = 60

// The transcripts were recorded from nats-server. However TCP cuts what a peer
// sends, and whichever loops the peers live on, they get the same answers.
func TestTranscripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/wire/*.wire")
	if err != nil || len(paths) < scriptsMin {
		t.Fatalf("%d transcripts, want at least %d: %v", len(paths), scriptsMin, err)
	}
	modes := []transcript.Mode{transcript.Whole(), transcript.ByteByByte()}
	if long {
		modes = append(modes, transcript.RandomCuts(1), transcript.RandomCuts(2))
	}
	for _, path := range paths {
		script, err := transcript.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(script.Name, func(t *testing.T) {
			t.Parallel()
			eachLoops(t, func(t *testing.T, loops int) {
				for _, mode := range modes {
					r := start(t, loops, scriptOptions(t, script))
					dial := func() (net.Conn, error) { return net.Dial("tcp", r.addr) }
					if err := transcript.Play(t.Context(), dial, script, mode); err != nil {
						t.Fatalf("%s: %v", mode, err)
					}
				}
			})
		})
	}
}

// scriptOptions returns what sets a script's options, by the flags of their names.
func scriptOptions(t *testing.T, script *transcript.Script) func(*config.Options) {
	return func(o *config.Options) {
		// What start chose first, so that the script may choose otherwise.
		args := []string{"-a", o.Host, "-p", fmt.Sprint(o.Port), "--loops", fmt.Sprint(o.Loops), "--pin", string(o.Pin)}
		if _, limited := script.Options["max_connections"]; !limited {
			args = append(args, "--max_connections", fmt.Sprint(o.MaxConnections))
		}
		for name, value := range script.Options {
			if name == transcript.ConfigOption {
				file := filepath.Join(t.TempDir(), "script.conf")
				if err := os.WriteFile(file, []byte(value), 0o600); err != nil {
					t.Fatal(err)
				}
				value = file
			}
			args = append(args, "--"+name, value)
		}
		given, _, err := config.ParseFlags(args)
		if err != nil {
			t.Fatal(err)
		}
		*o = *given
	}
}
