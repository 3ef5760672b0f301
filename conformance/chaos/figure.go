package chaos

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
)

const (
	scaleVariable   = "GNATSD_EV_CHAOS"         // "long" for the long forms
	figuresVariable = "GNATSD_EV_CHAOS_FIGURES" // a file that figures are appended to
)

// Figures are the numbers of one test, by name. The names say the unit.
type Figures map[string]any

// A Figure is what one test has found.
type Figure struct {
	Test    string  `json:"test"`             // as in T10
	What    string  `json:"what"`             // in words
	Broker  string  `json:"broker,omitempty"` // of the figures
	Long    bool    `json:"long"`
	Figures Figures `json:"figures"`
	Pass    bool    `json:"pass"`
}

// Report prints a figure as one line, and appends it to the file the environment
// names. Pass is whether the test has not failed, so it is called last.
func Report(t testing.TB, test, what, broker string, figures Figures) {
	t.Helper()
	line, err := json.Marshal(Figure{test, what, broker, Long(), figures, !t.Failed()})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s\n", line)
	path := os.Getenv(figuresVariable)
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}

// Long says whether the long forms are wanted.
func Long() bool { return os.Getenv(scaleVariable) == "long" }

// Scale is the size of a test in its short and in its long form.
func Scale[T any](short, long T) T {
	if Long() {
		return long
	}
	return short
}

// Judge fails a test whose speed is not what it should be, in the long form only:
// a machine that is busy with other things says nothing about speed.
func Judge(t testing.TB, good bool, format string, args ...any) {
	t.Helper()
	switch {
	case good:
	case Long():
		t.Errorf(format, args...)
	default:
		t.Logf("judged in the long form only: "+format, args...)
	}
}
