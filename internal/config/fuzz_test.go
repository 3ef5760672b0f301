package config

import (
	stdflag "flag"
	"io"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// FuzzParseFlags compares what is made of a list of arguments, one a line, with
// what the flags of Go make of it, and with what is made of the same flags
// written otherwise.
func FuzzParseFlags(f *testing.F) {
	f.Add("-p\n4222\n--max_payload=1mb")
	f.Add("-p\n1\n--\n-v\nx")
	f.Add("---p\n1")
	f.Add("--listen\na:5\n--listen=b:6\n-DV=false\n-D\nhelp")
	values := []string{"", "0", "1", "-1", "x", "2mb", "10s", "on", "a:5", "true", "a b", "--", "-p", "99999999999", "\x00"}
	for i, name := range knownNames {
		for j := range 4 {
			value := values[(i*5+j*4)%len(values)]
			f.Add("-" + name + "\n" + value)
			f.Add("--" + strings.ReplaceAll(name, "_", "-") + "=" + value + "\n-" + knownNames[(i*7+j)%len(knownNames)])
		}
	}
	f.Fuzz(func(t *testing.T, line string) { checkArguments(t, strings.Split(line, "\n")) })
}

func checkArguments(t *testing.T, args []string) {
	o, action, err := ParseFlags(args)
	if (o == nil) != (err != nil || action != Serve && action != SendSignal) {
		t.Fatalf("%q: options %v, action %d, error %v", args, o, action, err)
	}
	if o != nil && action == Serve && (o.MaxPayload <= 0 || int64(o.MaxPayload) > o.MaxPending || o.PingInterval <= 0 || o.WriteDeadline <= 0 ||
		o.Loops < 0 || o.Loops > LoopsMax || o.Port < RandomPort || o.Port > 65535) {
		t.Fatalf("%q: bad options were let through: %+v", args, o)
	}
	w := readAsGo(args)
	if w.syntax != nil {
		// Without its value, or unknown: the message begins with it, or quotes it.
		if err == nil || ExitCode(err) != exitUsage ||
			!strings.HasPrefix(err.Error(), w.stopped+" needs") && !strings.HasPrefix(err.Error(), "unknown flag "+strconv.Quote(w.stopped)) {
			t.Fatalf("%q: %v, but Go's flags say %v", args, err, w.syntax)
		}
		return
	}
	if w.refused != nil {
		want := badValue(w.stopped, w.given[len(w.given)-1].value, w.refused)
		if err == nil || err.Error() != want.Error() || ExitCode(err) != ExitCode(want) {
			t.Fatalf("%q: error %v, want %v", args, err, want)
		}
	}
	for _, spelled := range w.spellings() {
		again, other, problem := ParseFlags(spelled)
		if !reflect.DeepEqual(o, again) || action != other || told(err) != told(problem) || err != nil && ExitCode(err) != ExitCode(problem) {
			t.Fatalf("%q: %+v, action %d, error %v\n%q: %+v, action %d, error %v", args, o, action, err, spelled, again, other, problem)
		}
	}
}

// told is the text of an error without the way its flag was written.
func told(err error) string {
	if err == nil {
		return ""
	}
	first, rest, _ := strings.Cut(err.Error(), " ")
	return strings.ReplaceAll(strings.TrimLeft(first, "-"), "-", "_") + " " + rest
}

// A given is one flag of a command line.
type given struct{ name, value string }

// A reading is what Go's flags make of arguments.
type reading struct {
	given   []given
	rest    []string
	stopped string // the flag nothing was read behind, as it was typed
	syntax  error  // why, if Go says so
	refused error  // why, if the flag's own value is to blame
}

// readAsGo reads arguments with the flags of Go, each known one under the names it
// is typed with.
func readAsGo(args []string) (r reading) {
	d := &draft{Options: Default()}
	set := stdflag.NewFlagSet("", stdflag.ContinueOnError)
	set.SetOutput(io.Discard)
	for _, arg := range args {
		typed, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(arg, "-"), "-"), "=")
		name := strings.ReplaceAll(typed, "-", "_")
		f, known := byName[name]
		if !known || strings.HasPrefix(typed, "-") || set.Lookup(typed) != nil {
			continue
		}
		take := func(value string) error {
			r.given = append(r.given, given{name, value})
			r.refused = f.set(d, value)
			return r.refused
		}
		if f.value == "" {
			set.BoolFunc(typed, "", take)
		} else {
			set.Func(typed, "", take)
		}
	}
	err := set.Parse(args)
	r.rest = set.Args()
	if err == nil {
		return r
	}
	read := args[:len(args)-set.NArg()]
	if strings.HasPrefix(err.Error(), "bad flag syntax") {
		read = args[:len(read)+1] // Go stops in front of it
	}
	r.stopped, _, _ = strings.Cut(read[len(read)-1], "=")
	if r.refused == nil {
		r.syntax = err
		return r
	}
	// A value behind = is shorter than its argument.
	if g := r.given[len(r.given)-1]; byName[g.name].value != "" && g.value == read[len(read)-1] {
		r.stopped = read[len(read)-2]
	}
	return r
}

// spellings writes the same flags in other ways.
func (r *reading) spellings() [][]string {
	all := make([][]string, 3)
	for _, g := range r.given {
		all[0] = append(all[0], "-"+g.name+"="+g.value)
		all[1] = append(all[1], "--"+strings.ReplaceAll(g.name, "_", "-")+"="+g.value)
		if byName[g.name].value == "" {
			all[2] = append(all[2], "--"+g.name+"="+g.value)
		} else {
			all[2] = append(all[2], "-"+g.name, g.value)
		}
	}
	for i := range all {
		all[i] = append(append(all[i], "--"), r.rest...)
	}
	return all
}
