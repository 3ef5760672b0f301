package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// A Machine is where figures were made.
type Machine struct {
	Host       string    `json:"host"`
	System     string    `json:"system"`    // name and release of the kernel
	Processor  string    `json:"processor"` // model
	Processors int       `json:"processors"`
	MemoryMB   int64     `json:"memory_mb"`
	Go         string    `json:"go"`                 // that built the generator
	Revision   string    `json:"revision,omitempty"` // of the source it was built from
	Date       time.Time `json:"date"`
	Command    []string  `json:"command"`
}

// ThisMachine describes where we run, and how we were called.
func ThisMachine() Machine {
	m := Machine{
		Processors: runtime.NumCPU(),
		Go:         runtime.Version(),
		Date:       time.Now().UTC().Truncate(time.Second),
		Revision:   revision(),
		Command:    withoutSecrets(os.Args),
	}
	m.Host, _ = os.Hostname() // an empty name says as much as an error would
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.System = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "model name"); ok {
			line, _, _ := strings.Cut(rest, "\n")
			m.Processor = strings.Trim(line, " \t:")
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		kb, _ := field(b, "MemTotal:")
		m.MemoryMB = kb >> 10
	}
	return m
}

// revisionDigits are what it takes to tell commits apart.
const revisionDigits = 10

// revision is the commit this program was built from, as far as it knows.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(len(s.Value), revisionDigits)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if commit == "" {
		return ""
	}
	return commit + changed
}

// secret is what stands before the @ of a URL: a user and a password, or a token.
var secret = regexp.MustCompile(`[^\s/]*@`)

// withoutSecrets is a command that can be shown: reports are given to others.
func withoutSecrets(args []string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		out[i] = secret.ReplaceAllString(a, "xxxxx@")
	}
	return out
}

// WriteTable prints the result for people.
func (r *Result) WriteTable(w io.Writer) error {
	for _, stage := range r.Stages {
		if err := stage.WriteTable(w); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%s on %s\n", r.Scenario, r.Broker)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, m := range r.Metrics {
		if r.tabled(m.Name) {
			continue
		}
		fmt.Fprintf(t, "%s\t%s\t %-10s\t\n", m.Name, number(m.Value), m.Unit)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for i := range r.Distributions {
		if err := r.Distributions[i].write(w); err != nil {
			return err
		}
	}
	for _, text := range r.Notes {
		fmt.Fprintln(w, "note:", text)
	}
	for _, text := range r.Warnings {
		fmt.Fprintln(w, "warning:", text)
	}
	if r.Failure != "" {
		fmt.Fprintln(w, "FAILED:", r.Failure)
	}
	return nil
}

// tabled reports whether a metric stands in the table of a distribution.
func (r *Result) tabled(name string) bool {
	for _, d := range r.Distributions {
		if rest, ok := strings.CutPrefix(name, d.Name+"_"); ok && (rest == "count" || strings.HasPrefix(rest, "p") || strings.HasPrefix(rest, "uncorrected_") || rest == "max") {
			return true
		}
	}
	return false
}

// number prints a value with as many digits as mean something.
func number(v float64) string {
	switch a := max(v, -v); {
	case a >= 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.4f", v)
}

// WriteJSON prints any result for programs.
func WriteJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
