package chaos

import (
	"os"
	"testing"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// settings are what most tests run on.
var settings = []Setting{{}, {Loops: 1}, {Loops: 4}}

// onOurs runs a test on gnatsd-ev with the loops it chooses, with one and with four.
func onOurs(t *testing.T, test func(t *testing.T, s Setting)) {
	for _, s := range settings {
		t.Run(s.Name(), func(t *testing.T) { test(t, s) })
	}
}
