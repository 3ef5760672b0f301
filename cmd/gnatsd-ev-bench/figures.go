package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gnatsd-ev/bench"
)

const figuresHelp = `usage: gnatsd-ev-bench figures --ours PATH [--peer PATH] [flags]

Starts brokers side by side, each freshly for every row and round and with
nothing but an address to listen on, puts the same load on each, and prints
medians and ratios. Keep the machine idle otherwise.

`

// listen is what every broker is started with.
var listen = []string{"-a", "127.0.0.1", "-p", "{port}"}

// profile makes a broker serve net/http/pprof, for rows that count heap objects.
var profile = []string{"--profile", "{profile}"}

// runFigures compares our broker, with its usual loops and with one, and a peer.
func runFigures(ctx context.Context, args []string, out, errs io.Writer) error {
	fs := flag.NewFlagSet("figures", flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.Usage = func() {
		fmt.Fprint(errs, figuresHelp)
		fs.PrintDefaults()
	}
	ours := fs.String("ours", "", "`path` of our broker")
	oursArgs := fs.String("ours-args", "", "further `arguments` for it, split at blanks")
	peer := fs.String("peer", "", "`path` of nats-server")
	rounds := fs.Int("rounds", 5, "rounds; medians want 5 or more")
	only := fs.String("only", "", "comma-separated `rows`: "+strings.Join(bench.FigureTasks(), ","))
	quick := fs.Bool("quick", false, "one short round of less load: a look, not a figure")
	scale := fs.Float64("scale", 1, "`factor` for measured durations")
	file := fs.String("out", "", "write JSON to this `file`; directories are made")
	asJSON := fs.Bool("json", false, "print JSON behind the table")
	if err := fs.Parse(args); err != nil {
		return usageOf(err)
	}
	f := bench.Figures{Rounds: *rounds, Quick: *quick, Scale: *scale, Progress: errs}
	if *quick {
		f.Rounds = 1
	}
	if *only != "" {
		f.Only = strings.Split(*only, ",")
	}
	if err := check(f, *ours, *peer, fs.NArg()); err != nil {
		return usageError{err}
	}
	f.Contenders = contenders(*ours, *peer, strings.Fields(*oursArgs))
	c, err := f.Run(ctx)
	if err != nil {
		return err
	}
	if err := c.WriteTable(out); err != nil {
		return err
	}
	if *file != "" {
		if err := writeFile(*file, c); err != nil {
			return err
		}
	}
	if *asJSON {
		return bench.WriteJSON(out, c)
	}
	return nil
}

// check reports flags that make no sense.
func check(f bench.Figures, ours, peer string, extra int) error {
	switch {
	case extra > 0:
		return errors.New("figures takes flags only")
	case ours == "" && peer == "":
		return errors.New("--ours or --peer is needed, and both for a comparison")
	case f.Rounds < 1:
		return fmt.Errorf("--rounds %d is less than 1", f.Rounds)
	case f.Scale <= 0:
		return fmt.Errorf("--scale %v is not above 0", f.Scale)
	}
	for _, name := range f.Only {
		if !slices.Contains(bench.FigureTasks(), name) {
			return fmt.Errorf("--only: no row %q in %s", name, strings.Join(bench.FigureTasks(), ","))
		}
	}
	return nil
}

// contenders are ours, ours with one loop, and the peer, as far as they are given.
func contenders(ours, peer string, oursArgs []string) []bench.Contender {
	var all []bench.Contender
	if ours != "" {
		command := slices.Concat([]string{ours}, listen, oursArgs)
		all = append(all,
			bench.Contender{Name: "ours", Command: command, Profile: profile},
			bench.Contender{Name: "ours-1", Command: slices.Concat(command, []string{"--loops", "1"}), Profile: profile})
	}
	if peer != "" {
		all = append(all, bench.Contender{Name: "peer", Command: slices.Concat([]string{peer}, listen), Profile: profile})
	}
	return all
}

// writeFile writes JSON to a file.
func writeFile(name string, v any) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	return errors.Join(bench.WriteJSON(f, v), f.Close())
}
