// Gnatsd-ev-bench puts a NATS broker under load and reports what it cost.
// See `gnatsd-ev-bench -h`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"syscall"

	"gnatsd-ev/bench"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // a run failed
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program; it returns the exit code.
func run(ctx context.Context, args []string, out, errs io.Writer) int {
	if len(args) == 0 || args[0] == "-h" || args[0] == "--help" || args[0] == "help" {
		usage(out)
		return exitOK
	}
	var err error
	if p, ok := presets[args[0]]; ok {
		err = runCompare(ctx, p, args[1:], out, errs)
	} else if args[0] == "floor" {
		err = runFloor(ctx, args[1:], out, errs)
	} else if args[0] == "slope" {
		err = runSlope(ctx, args[1:], out, errs)
	} else if s, ok := bench.Find(args[0]); ok {
		err = runScenario(ctx, s, args[1:], out, errs)
	} else {
		fmt.Fprintf(errs, "gnatsd-ev-bench: no scenario %q\n\n", args[0])
		usage(errs)
		return exitUsage
	}
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return exitOK
	case errors.As(err, new(usageError)):
		fmt.Fprintln(errs, "gnatsd-ev-bench:", err)
		return exitUsage
	}
	fmt.Fprintln(errs, "gnatsd-ev-bench:", err)
	return exitFailed
}

// A usageError is the caller's mistake.
type usageError struct{ error }

func usage(w io.Writer) {
	fmt.Fprint(w, "usage: gnatsd-ev-bench <scenario> [flags]\n\nscenarios:\n")
	for _, s := range bench.Scenarios {
		fmt.Fprintf(w, "  %-9s %s\n", s.Name, s.Summary)
	}
	fmt.Fprint(w, "\ncomparisons:\n")
	for _, name := range slices.Sorted(maps.Keys(presets)) {
		fmt.Fprintf(w, "  %-9s %s\n", name, presets[name].summary)
	}
	fmt.Fprintf(w, "  %-9s %s\n", "slope", "what connections cost one broker at several sizes, extrapolated to a million")
	fmt.Fprintf(w, "  %-9s %s\n", "floor", "a server that fans out as cheaply as the kernel allows, to compare with")
	fmt.Fprint(w, `
Each takes -h. A broker is either running (--url, --pid for its cost) or
started for the run (--spawn "nats-server -a 127.0.0.1 -p {port}").
`)
}
