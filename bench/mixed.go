package bench

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// A Stage is one scenario of a mixed run.
type Stage struct {
	Scenario string `json:"scenario"`
	Load     Load   `json:"load"`
	Beside   bool   `json:"beside,omitempty"` // it starts together with the stage before it
}

// StagesHelp says what ParseStages reads.
const StagesHelp = `A file of stages has one scenario with its flags on each line. Stages run one
after the other; one that begins with & runs beside the one before it. What
follows a # is a comment.

  conn --conns 2000 --hold 2s            # first: idle connections
  fanout --conns 100 --rate 1000         # then: traffic,
  & churn --rate 100 --duration 3s       # and clients that come and go beside it
`

// stagesUsual is what mixed runs without a file.
const stagesUsual = `
fanout --conns 100 --rate 1000 --duration 3s
& churn --rate 100 --duration 3s
& reqrep --rate 500 --duration 3s
queue --conns 20 --duration 2s
`

// ParseStages reads a file of stages; see StagesHelp.
func ParseStages(text string) ([]Stage, error) {
	var stages []Stage
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		stage, err := parseStage(words)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if stage.Beside && len(stages) == 0 {
			return nil, fmt.Errorf("line %d: the first stage has none to run beside", i+1)
		}
		stages = append(stages, stage)
	}
	if len(stages) == 0 {
		return nil, errors.New("no stage in it")
	}
	return stages, nil
}

// parseStage reads the words of one line.
func parseStage(words []string) (Stage, error) {
	var stage Stage
	if rest, ok := strings.CutPrefix(words[0], "&"); ok {
		stage.Beside = true
		if words[0] = rest; rest == "" {
			words = words[1:]
		}
	}
	if len(words) == 0 {
		return stage, errors.New("& without a scenario")
	}
	s, ok := Find(words[0])
	if !ok || s.Name == "mixed" {
		return stage, fmt.Errorf("no scenario %q", words[0])
	}
	fs := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	load := LoadFlags(fs, s)
	if err := fs.Parse(words[1:]); err != nil {
		return stage, fmt.Errorf("%s: %w", s.Name, err)
	}
	if fs.NArg() > 0 {
		return stage, fmt.Errorf("%s: unexpected argument %q", s.Name, fs.Arg(0))
	}
	if err := load.Check(s); err != nil {
		return stage, fmt.Errorf("%s: %w", s.Name, err)
	}
	stage.Scenario, stage.Load = s.Name, *load
	return stage, nil
}

// runMixed: scenarios one after the other, or beside each other.
func runMixed(r *run) error {
	stages := r.load.Stages
	if len(stages) == 0 {
		var err error
		if stages, err = ParseStages(stagesUsual); err != nil {
			return err
		}
	}
	r.stopMonitor() // each stage has its own
	for len(stages) > 0 {
		n := 1 + slices.IndexFunc(stages[1:], func(s Stage) bool { return !s.Beside })
		if n == 0 {
			n = len(stages)
		}
		if err := r.together(stages[:n]); err != nil {
			return err
		}
		stages = stages[n:]
	}
	return nil
}

// together runs stages beside each other.
func (r *run) together(stages []Stage) error {
	results, errs := make([]*Result, len(stages)), make([]error, len(stages))
	var all sync.WaitGroup
	for i, stage := range stages {
		all.Go(func() {
			if s, ok := Find(stage.Scenario); ok {
				stage.Load.Verify = stage.Load.Verify || r.load.Verify && slices.Contains(s.Flags, "verify")
				results[i], errs[i] = s.Run(r.target, stage.Load)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, result := range results {
		if len(stages) > 1 {
			result.Notes = append(result.Notes, "the broker's cost is that of all stages that ran beside each other, each as if it had it alone")
		}
		r.result.Stages = append(r.result.Stages, result)
		if result.Failure != "" && r.result.Failure == "" {
			r.result.Failure = result.Scenario + ": " + result.Failure
		}
	}
	return nil
}
