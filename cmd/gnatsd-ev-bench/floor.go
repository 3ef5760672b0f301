package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"

	"gnatsd-ev/bench"
)

const floorHelp = `usage: gnatsd-ev-bench floor [-a ADDRESS] [-p PORT]

Serves the cheapest fan-out this kernel allows, to measure a broker against: one
thread, one write for each subscriber and each 256 KB read, no matching, no
copies. It knows one message: fanout, broadcast and conn are all it can run.
SIGTERM ends it.

`

// runFloor serves until ctx ends.
func runFloor(ctx context.Context, args []string, out, errs io.Writer) error {
	fs := flag.NewFlagSet("floor", flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.Usage = func() {
		fmt.Fprint(errs, floorHelp)
		fs.PrintDefaults()
	}
	host := fs.String("a", "127.0.0.1", "`address` to listen on")
	port := fs.Int("p", 4222, "`port` to listen on, 0 for a free one")
	version := fs.Bool("version", false, "print the version and end")
	if err := fs.Parse(args); err != nil {
		return usageOf(err)
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	if *version {
		fmt.Fprintf(out, "floor: one thread, %s/%s, %s\n", runtime.GOOS, runtime.GOARCH, runtime.Version())
		return nil
	}
	addr, err := bench.FloorAddress(*host, *port)
	if err != nil {
		return usageError{err}
	}
	return bench.ServeFloor(ctx, addr, func(a net.Addr) { fmt.Fprintln(errs, "floor: listening on", a) })
}
