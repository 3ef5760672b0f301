package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"testing"
	"time"

	"gnatsd-ev/loop"
)

// Figures of failures.md that need the long form (make long). Each is one line of JSON, and is
// judged there only, with threefold slack.

// figureSlack is how many times its bound a figure may be on a machine with other work.
const figureSlack = 3

// printFigure prints a line of figures.
func printFigure(t *testing.T, values map[string]any) {
	line, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(t.Output(), "%s\n", line)
}

// residentNow is what the process takes of the machine's memory once all that is free has been given back,
// 0 where the system does not tell. What other tests in the process left is in it, before and after alike.
func residentNow() int {
	debug.FreeOSMemory()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	words := bytes.Fields(b)
	pages, err := strconv.Atoi(string(words[min(1, len(words)-1)]))
	if err != nil {
		return 0
	}
	return pages * os.Getpagesize()
}

// longestLag is for how long a loop did not look at its sockets at most.
func longestLag(b *Broker) (longest time.Duration) {
	for _, l := range b.group.Loops() {
		longest = max(longest, l.Lag().Ever)
	}
	return longest
}

// matchingTime is what finding the topics for a subject takes on the first loop, when it is not remembered.
func matchingTime(b *Broker, subjects [][]byte) (median, longest time.Duration) {
	var took []time.Duration
	onLoops(b, func(l *loop.Loop) {
		if l.ID() != 0 {
			return
		}
		var topics []*topic
		for _, subj := range subjects {
			begun := time.Now()
			topics = b.global.tables[0].match(topics[:0], subj)
			took = append(took, time.Since(begun))
		}
	})
	slices.Sort(took)
	return took[len(took)/2], took[len(took)-1]
}
