package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"gnatsd-ev/bench"
)

// runScenario parses flags, finds or starts the broker, and prints the result.
func runScenario(ctx context.Context, s bench.Scenario, args []string, out, errs io.Writer) error {
	fs := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.Usage = func() {
		fmt.Fprintf(errs, "usage: gnatsd-ev-bench %s [flags]\n\n%s\n\n", s.Name, s.Summary)
		fs.PrintDefaults()
	}
	load := bench.LoadFlags(fs, s)
	server := fs.String("url", cmp.Or(os.Getenv("NATS_URL"), "nats://127.0.0.1:4222"), "the broker; NATS_URL is the default")
	pid := fs.Int("pid", 0, "the broker's process `id`, to read its cost")
	profile := fs.Int("profile", 0, "`port` of the broker's net/http/pprof, to count heap objects")
	spawn := fs.String("spawn", "", "start this `command` as the broker; {port} and {profile} are filled in")
	asJSON := fs.Bool("json", false, "print JSON behind the table")
	if err := fs.Parse(args); err != nil {
		return usageOf(err)
	}
	if fs.NArg() > 0 {
		return usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	if err := load.Check(s); err != nil {
		return usageError{err}
	}
	target := bench.Target{Process: bench.Process(*pid), Profile: *profile}
	var err error
	if *spawn != "" {
		broker, err := bench.Spawn(ctx, *spawn)
		if err != nil {
			return err
		}
		defer broker.Stop()
		target = broker.Target
	} else if target.Addr, err = resolve(ctx, *server); err != nil {
		return usageError{err}
	}
	result, err := s.Run(target, *load)
	if err != nil {
		return err
	}
	if err := result.WriteTable(out); err != nil {
		return err
	}
	if target.Process == 0 {
		fmt.Fprintln(out, "note: without --pid or --spawn the broker's cost is unknown")
	}
	if *asJSON {
		err = bench.WriteJSON(out, struct {
			Machine bench.Machine `json:"machine"`
			*bench.Result
		}{bench.ThisMachine(), result})
	}
	if result.Failure != "" {
		err = errors.Join(err, errors.New(result.Failure))
	}
	return err
}

// usageOf marks an error of the flag package as the caller's, except help.
func usageOf(err error) error {
	if err == flag.ErrHelp {
		return err
	}
	return usageError{err}
}

// resolve returns the address behind a nats:// URL or a plain host:port.
func resolve(ctx context.Context, server string) (netip.AddrPort, error) {
	hostport := server
	if strings.Contains(server, "://") {
		u, err := url.Parse(server)
		if err != nil {
			return netip.AddrPort{}, err
		}
		if u.Scheme != "nats" {
			return netip.AddrPort{}, fmt.Errorf("%s: only nats:// is spoken here", server)
		}
		hostport = u.Host
	}
	if _, _, err := net.SplitHostPort(hostport); err != nil {
		hostport = net.JoinHostPort(hostport, "4222")
	}
	addr, err := net.ResolveTCPAddr("tcp", hostport)
	if err != nil {
		return netip.AddrPort{}, err
	}
	ap := addr.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), ctx.Err()
}
