package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"gnatsd-ev/bench"
)

// A preset is a comparison that has a name.
type preset struct {
	name       string
	summary    string
	table      bench.Table
	contenders string // default of --contenders
	variants   texts  // default of --variant
	ratios     string // default of --ratios; as far as both contenders are there
	rounds     int
	scale      float64 // of durations, unless --full
}

var presets = map[string]preset{
	"compare": {"compare", "brokers side by side, with other protocols as well", bench.CompareTable,
		"ours,nats,redis,mosquitto,floor", texts{"one@burst,trickle,spread=--loops 1", "no-uring@trickle=--io_uring=off"},
		"ours/nats,ours/redis,ours/mosquitto,ours/floor,floor/nats,ours/one,no-uring/floor", 3, 0.35},
	"figures": {"figures", "our broker and nats-server side by side, in everything both do", bench.FiguresTable,
		"ours,nats", texts{"ours-1=--loops 1"}, "ours/nats,ours-1/nats", 5, 1},
	"secured": {"secured", "our broker and nats-server side by side with TLS, users and permissions", bench.SecuredTable,
		"ours,nats", nil, "ours/nats", 3, 1},
}

const compareHelp = `usage: gnatsd-ev-bench %[1]s [flags]
       gnatsd-ev-bench %[1]s [--out FILES] [--fail-if LIMIT] RUN.json
       gnatsd-ev-bench %[1]s [--base NAME] [--out FILES] [--fail-if LIMIT] OLD.json NEW.json

Starts brokers side by side, each freshly for every row and round and with
nothing but an address to listen on, puts the same load on each, and prints
medians and ratios with their 95 %% intervals. Keep the machine idle otherwise.
A broker that is not installed is left out. With one file, a stored run is shown
again; with two, two are compared.

A LIMIT is ROW.CONTENDER/CONTENDER>NUMBER for a ratio, ROW.CONTENDER>NUMBER for a
median, with >, >=, < or <=: the exit status is 1 when it holds. The older of two
files is the contender "old". Rows' names stand in the table of ratios.

`

// texts are the values of a flag that may be given again.
type texts []string

// String joins them.
func (t *texts) String() string { return strings.Join(*t, ", ") }

// Set adds one.
func (t *texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

// A comparing is what the flags of a comparison say.
type comparing struct {
	preset
	find     finder
	plan     bench.Plan
	only     string
	base     string
	full     bool
	limits   []bench.Limit
	limited  texts
	files    []string
	asJSON   bool
	variants texts
}

// flags declares them.
func (c *comparing) flags(errs io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet(c.name, flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.Usage = func() {
		fmt.Fprintf(errs, compareHelp, c.name)
		fs.PrintDefaults()
	}
	c.find.flags(fs)
	fs.StringVar(&c.contenders, "contenders", c.contenders, "comma-separated `names`")
	fs.Var(&c.variants, "variant", "`NAME[@TASKS]=FLAGS`: our broker once more, with further flags, in all tasks or some; may be given again"+seeDefault(c.preset.variants))
	fs.StringVar(&c.base, "base", "", "report each contender's ratio to this `contender`, instead of --ratios")
	fs.StringVar(&c.ratios, "ratios", c.ratios, "comma-separated `pairs` to report")
	fs.IntVar(&c.plan.Rounds, "rounds", c.rounds, "rounds; an interval wants 3, a published median 5 or more")
	fs.StringVar(&c.only, "only", "", "comma-separated `tasks`: "+strings.Join(c.table.Tasks(), ","))
	fs.BoolVar(&c.full, "full", false, "durations as for published figures")
	fs.BoolVar(&c.plan.Quick, "quick", false, "one short round of less load: a look, not a figure")
	fs.Float64Var(&c.plan.Scale, "scale", c.scale, "`factor` for measured durations; 1 is --full")
	fs.Var(&c.limited, "fail-if", "end with status 1 if this `LIMIT` holds; may be given again")
	outFlag(fs, &c.files, bench.ComparisonFiles, "NAME.json (every value), NAME.html (a report with plots), NAME.md (the tables; an existing document must have the lines <!-- comparison --> and <!-- /comparison --> for them to stand between)")
	fs.BoolVar(&c.asJSON, "json", false, "print JSON behind the table")
	return fs
}

func seeDefault(t texts) string {
	if len(t) == 0 {
		return ""
	}
	return " (default " + t.String() + ")"
}

// runCompare runs a preset, or compares two stored runs.
func runCompare(ctx context.Context, p preset, args []string, out, errs io.Writer) error {
	c := &comparing{preset: p, plan: bench.Plan{Table: p.table, Progress: errs}}
	fs := c.flags(errs)
	if err := fs.Parse(args); err != nil {
		return usageOf(err)
	}
	for _, text := range c.limited {
		l, err := bench.ParseLimit(text)
		if err != nil {
			return usageError{fmt.Errorf("--fail-if %w", err)}
		}
		c.limits = append(c.limits, l)
	}
	switch fs.NArg() {
	case 0:
		return c.run(ctx, out, errs)
	case 1:
		return c.shown(fs.Arg(0), out)
	case 2:
		return c.stored(fs.Arg(0), fs.Arg(1), out)
	}
	return usageError{errors.New("brokers are compared without files, one stored run is shown, two are compared: there are more")}
}

// run compares brokers.
func (c *comparing) run(ctx context.Context, out, errs io.Writer) error {
	if err := c.prepare(errs); err != nil {
		return usageError{err}
	}
	result, err := c.plan.Run(ctx)
	if err != nil {
		return err
	}
	return c.publish(result, result.Broken(c.limits), out)
}

// A result can be printed and written.
type result interface {
	WriteTable(io.Writer) error
	WriteFile(name string) error
}

// publish prints a result and judges it.
func (c *comparing) publish(r result, broken []string, out io.Writer) error {
	if err := r.WriteTable(out); err != nil {
		return err
	}
	for _, name := range c.files {
		if err := r.WriteFile(name); err != nil {
			return err
		}
	}
	if c.asJSON {
		if err := bench.WriteJSON(out, r); err != nil {
			return err
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("%d of %d limits failed: %s", len(broken), len(c.limits), strings.Join(broken, "; "))
	}
	return nil
}

// prepare fills the plan in.
func (c *comparing) prepare(errs io.Writer) error {
	p := &c.plan
	if c.full {
		p.Scale = 1
	}
	if p.Quick {
		p.Rounds = 1
	}
	if p.Rounds < 1 {
		return fmt.Errorf("--rounds %d is less than 1", p.Rounds)
	}
	if p.Scale <= 0 {
		return fmt.Errorf("--scale %v is not above 0", p.Scale)
	}
	if c.only != "" {
		p.Only = strings.Split(c.only, ",")
	}
	if err := c.known("--only", p.Only); err != nil {
		return err
	}
	if len(c.variants) == 0 {
		c.variants = c.preset.variants
	}
	var err error
	if p.Contenders, err = c.find.contenders(strings.Split(c.contenders, ","), c.variants, errs); err != nil {
		return err
	}
	for _, who := range p.Contenders {
		if err := c.known("--variant "+who.Name, who.Tasks); err != nil {
			return err
		}
	}
	// A variant for some tasks is no column of a table without them.
	p.Contenders = slices.DeleteFunc(p.Contenders, func(who bench.Contender) bool { return len(who.Tasks) > 0 && !p.Needs(who) })
	if p.Pairs, err = c.pairs(names(p.Contenders)); err != nil {
		return err
	}
	for _, l := range c.limits {
		if err := l.Check(p.Rows(), names(p.Contenders)); err != nil {
			return fmt.Errorf("--fail-if %w", err)
		}
	}
	return nil
}

// known reports a name that is no task's.
func (c *comparing) known(flag string, tasks []string) error {
	for _, name := range tasks {
		if !slices.Contains(c.table.Tasks(), name) {
			return fmt.Errorf("%s: no task %q in %s", flag, name, strings.Join(c.table.Tasks(), ","))
		}
	}
	return nil
}

// pairs are the ratios to report: each to the base, or those of the list whose
// contenders are there.
func (c *comparing) pairs(there []string) ([]bench.Pair, error) {
	var pairs []bench.Pair
	if c.base != "" {
		if !slices.Contains(there, c.base) {
			return nil, fmt.Errorf("--base: no contender %q in %s", c.base, strings.Join(there, ","))
		}
		for _, name := range there {
			if name != c.base {
				pairs = append(pairs, bench.Pair{Who: name, To: c.base})
			}
		}
		return pairs, nil
	}
	for _, text := range strings.Split(c.ratios, ",") {
		p, err := bench.ParsePair(text)
		if err != nil {
			return nil, fmt.Errorf("--ratios: %w", err)
		}
		if slices.Contains(there, p.Who) && slices.Contains(there, p.To) {
			pairs = append(pairs, p)
		}
	}
	return pairs, nil
}

// names are what contenders are called.
func names(all []bench.Contender) []string {
	var out []string
	for _, who := range all {
		out = append(out, who.Name)
	}
	return out
}

// shown prints and judges a stored run again.
func (c *comparing) shown(name string, out io.Writer) error {
	run, err := readComparison(name)
	if err != nil {
		return err
	}
	var rows []string
	for _, fig := range run.Figures {
		rows = append(rows, fig.Name)
	}
	for _, l := range c.limits {
		if err := l.Check(rows, names(run.Contenders)); err != nil {
			return usageError{fmt.Errorf("--fail-if %w", err)}
		}
	}
	return c.publish(run, run.Broken(c.limits), out)
}

// stored compares two files.
func (c *comparing) stored(old, recent string, out io.Writer) error {
	was, err := readComparison(old)
	if err != nil {
		return err
	}
	is, err := readComparison(recent)
	if err != nil {
		return err
	}
	if c.base == "" && slices.Contains(names(is.Contenders), "nats") {
		c.base = "nats"
	}
	changes := bench.Differences(was, is, c.base)
	for _, l := range c.limits {
		if err := l.Check(changes.Rows(), append(names(is.Contenders), bench.Old)); err != nil {
			return usageError{fmt.Errorf("--fail-if %w", err)}
		}
		if l.To != bench.Old {
			return usageError{fmt.Errorf("--fail-if %s: between two files a limit is on CONTENDER/%s", l, bench.Old)}
		}
	}
	return c.publish(changes, changes.Broken(c.limits), out)
}

func readComparison(name string) (*bench.Comparison, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := bench.ReadComparison(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}
