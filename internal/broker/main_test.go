package broker

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// long makes the heavy tests as long as they are meant to be before a release.
var long = os.Getenv("GNATSD_EV_LONG") != ""

// scale returns how much of something a test does: short under -short and the
// race detector, many with GNATSD_EV_LONG=1.
func scale(short, normal, many int) int {
	switch {
	case long:
		return many
	case testing.Short() || raceEnabled:
		return short
	}
	return normal
}

// TestMain fails if a goroutine of a broker or of a client outlives the tests.
func TestMain(m *testing.M) {
	code := m.Run()
	if left := leaked(3 * time.Second); left != "" && code == 0 {
		fmt.Fprintf(os.Stderr, "goroutines outlived the tests:\n%s\n", left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the stacks of goroutines that run our code and do not end
// within the patience.
func leaked(patience time.Duration) string {
	deadline := time.Now().Add(patience)
	for {
		buf := make([]byte, 1<<20)
		buf = buf[:runtime.Stack(buf, true)]
		var left []string
		for _, stack := range strings.Split(string(buf), "\n\n")[1:] {
			if strings.Contains(stack, "gnatsd-ev/") && !strings.Contains(stack, "testing.(*M)") &&
				!strings.Contains(stack, "testing.tRunner") {
				left = append(left, stack)
			}
		}
		if len(left) == 0 {
			return ""
		}
		if time.Now().After(deadline) {
			return strings.Join(left, "\n\n")
		}
		time.Sleep(5 * time.Millisecond)
	}
}
