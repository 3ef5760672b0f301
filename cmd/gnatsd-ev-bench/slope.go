package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"gnatsd-ev/bench"
)

const slopeHelp = `usage: gnatsd-ev-bench slope --spawn COMMAND [flags]

Connects clients that subscribe once, to a fresh broker for each of several sizes,
puts a straight line through resident memory and processor time, and extrapolates
it, with 95 %% intervals. Keep the machine idle otherwise.

`

// sizes are a comma list of numbers of connections.
type sizes []int

// String is what Set reads.
func (s *sizes) String() string {
	var all []string
	for _, n := range *s {
		all = append(all, strconv.Itoa(n))
	}
	return strings.Join(all, ",")
}

// Set reads sizes.
func (s *sizes) Set(list string) error {
	*s = nil
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return fmt.Errorf("%q is no number of connections", text)
		}
		*s = append(*s, n)
	}
	return nil
}

// runSlope measures sizes, and prints points and lines.
func runSlope(ctx context.Context, args []string, out, errs io.Writer) error {
	at := sizes{5000, 10000, 15000, 19000}
	p := bench.SlopePlan{Progress: errs}
	fs := flag.NewFlagSet("slope", flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.Usage = func() {
		fmt.Fprint(errs, slopeHelp)
		fs.PrintDefaults()
	}
	spawn := fs.String("spawn", "", "start this `command` as the broker; {port} is filled in")
	fs.StringVar(&p.Contender.Protocol, "protocol", "nats", "what the broker speaks: "+strings.Join(bench.Protocols, ", "))
	fs.Var(&at, "at", "`sizes`: numbers of connections")
	fs.IntVar(&p.Rounds, "rounds", 2, "how often each size is measured")
	fs.IntVar(&p.To, "to", 1_000_000, "connections to extrapolate to")
	fs.DurationVar(&p.Settle, "settle", 3*time.Second, "pause before memory is read")
	file := fs.String("out", "", "write JSON with every value to this `file`; directories are made")
	asJSON := fs.Bool("json", false, "print JSON behind the table")
	silent := fs.Bool("no-progress", false, "do not show how each size goes")
	if err := fs.Parse(args); err != nil {
		return usageOf(err)
	}
	p.At, p.Contender.Command = at, strings.Fields(*spawn)
	switch {
	case fs.NArg() > 0:
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	case *spawn == "":
		return usageError{errors.New("--spawn: each size takes a fresh broker")}
	}
	if *file != "" {
		if err := bench.CheckFile(*file, bench.SlopeFiles); err != nil {
			return usageError{err}
		}
	}
	if err := errors.Join(p.Check(), bench.CheckProtocol(p.Contender.Protocol, "conn")); err != nil {
		return usageError{err}
	}
	shown := newProgress(errs)
	if !*silent {
		p.Watch = shown.show
	}
	s, err := p.Run(ctx)
	shown.end()
	if err != nil {
		return err
	}
	if err := s.WriteTable(out); err != nil {
		return err
	}
	if *file != "" {
		err = s.WriteFile(*file)
	}
	if *asJSON {
		err = errors.Join(err, bench.WriteJSON(out, s))
	}
	return err
}
