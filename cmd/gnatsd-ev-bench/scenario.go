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

// An invocation is a scenario's flags as they were given.
type invocation struct {
	scenario bench.Scenario
	load     *bench.Load
	server   string
	pid      int
	profile  int
	spawn    string
	asJSON   bool
	silent   bool
	protocol string
	files    []string
	proof    proof
}

// parse reads the flags of a scenario.
func parse(s bench.Scenario, args []string, errs io.Writer) (*invocation, error) {
	v := &invocation{scenario: s}
	fs := flag.NewFlagSet(s.Name, flag.ContinueOnError)
	fs.SetOutput(errs)
	fs.Usage = func() {
		fmt.Fprintf(errs, "usage: gnatsd-ev-bench %s [flags]\n\n%s\n\n", s.Name, s.Summary)
		fs.PrintDefaults()
		if s.Name == "mixed" {
			fmt.Fprint(errs, "\n", bench.StagesHelp)
		}
	}
	v.load = bench.LoadFlags(fs, s)
	v.proof.flags(fs, s)
	fs.StringVar(&v.server, "url", cmp.Or(os.Getenv("NATS_URL"), "nats://127.0.0.1:4222"),
		"the broker, `nats://user:password@host:port` or token@, tls:// to encrypt; NATS_URL is the default, with NATS_USER and NATS_PASSWORD; of a comma list the first counts")
	fs.StringVar(&v.protocol, "protocol", "nats", "what the broker speaks: "+strings.Join(bench.Protocols, ", ")+"; only nats has all scenarios")
	fs.IntVar(&v.pid, "pid", 0, "the broker's process `id`, to read its cost")
	fs.IntVar(&v.profile, "profile", 0, "`port` of the broker's net/http/pprof, to count heap objects")
	fs.StringVar(&v.spawn, "spawn", "", "start this `command` as the broker; {port} and {profile} are filled in")
	fs.BoolVar(&v.asJSON, "json", false, "print JSON behind the table")
	fs.BoolVar(&v.silent, "no-progress", false, "do not show how the run goes")
	outFlag(fs, &v.files, bench.ReportFiles, "NAME.json, NAME.csv, NAME.hgrm (percentile curves), NAME.html (a report with plots)")
	if err := fs.Parse(args); err != nil {
		return nil, usageOf(err)
	}
	if fs.NArg() > 0 {
		return nil, usageError{fmt.Errorf("unexpected argument %q", fs.Arg(0))}
	}
	if err := errors.Join(v.load.Check(s), bench.CheckProtocol(v.protocol, s.Name), v.proof.check()); err != nil {
		return nil, usageError{err}
	}
	return v, nil
}

// runScenario parses flags, finds or starts the broker, and prints the result.
func runScenario(ctx context.Context, s bench.Scenario, args []string, out, errs io.Writer) error {
	v, err := parse(s, args, errs)
	if err != nil {
		return err
	}
	target := bench.Target{Process: bench.Process(v.pid), Profile: v.profile, Protocol: v.protocol}
	at, err := resolve(ctx, v.server)
	if err != nil {
		return usageError{err}
	}
	target.Addr, target.Login = at.addr, at.login
	v.proof.on = v.proof.on || at.encrypted
	if err := v.proof.apply(&target, at.host); err != nil {
		return usageError{err}
	}
	if v.spawn != "" {
		broker, err := bench.Spawn(ctx, target, v.spawn)
		if err != nil {
			return err
		}
		defer broker.Stop()
		target = broker.Target
	}
	p := newProgress(errs)
	if !v.silent {
		target.Watch = p.show
	}
	result, err := s.Run(target, *v.load)
	p.end()
	if err != nil {
		return err
	}
	return v.print(&bench.Report{Machine: bench.ThisMachine(), Result: result}, target, out)
}

// print prints and writes the result. A broker that did wrong is an error, behind all
// that.
func (v *invocation) print(report *bench.Report, target bench.Target, out io.Writer) error {
	if err := report.WriteTable(out); err != nil {
		return err
	}
	if target.Process == 0 {
		fmt.Fprintln(out, "note: without --pid or --spawn the broker's cost is unknown")
	}
	var err error
	for _, name := range v.files {
		err = errors.Join(err, report.WriteFile(name))
	}
	if v.asJSON {
		err = errors.Join(err, bench.WriteJSON(out, report))
	}
	if report.Failure != "" {
		err = errors.Join(err, errors.New(report.Failure))
	}
	return err
}

// outFlag declares the flag that names files to write, with one of the endings.
func outFlag(fs *flag.FlagSet, files *[]string, endings []string, forms string) {
	fs.Func("out", "write the result to `files`, a comma list or one flag each: "+forms+"; directories are made", func(list string) error {
		for name := range strings.SplitSeq(list, ",") {
			if err := bench.CheckFile(name, endings); err != nil {
				return err
			}
			*files = append(*files, name)
		}
		return nil
	})
}

// usageOf marks an error of the flag package as the caller's, except help.
func usageOf(err error) error {
	if err == flag.ErrHelp {
		return err
	}
	return usageError{err}
}

// A place is what a URL says of a broker.
type place struct {
	addr      netip.AddrPort
	host      string // as it was named
	login     bench.Login
	encrypted bool
}

// resolve reads a nats:// or tls:// URL or a plain host:port.
func resolve(ctx context.Context, server string) (place, error) {
	first, _, _ := strings.Cut(server, ",")
	if !strings.Contains(first, "://") {
		first = "nats://" + first
	}
	p := place{login: bench.Login{User: os.Getenv("NATS_USER"), Password: os.Getenv("NATS_PASSWORD")}}
	u, err := url.Parse(first)
	if err != nil {
		return p, errors.New("that is no URL of a broker") // why not would show its password
	}
	if u.Scheme != "nats" && u.Scheme != "tls" {
		return p, fmt.Errorf("%s: only nats:// and tls:// are spoken here", u.Redacted())
	}
	p.host, p.encrypted = u.Hostname(), u.Scheme == "tls"
	if u.User != nil {
		p.login = bench.Login{User: u.User.Username()}
		p.login.Password, _ = u.User.Password()
	}
	if p.login.User != "" && p.login.Password == "" {
		p.login = bench.Login{Token: p.login.User}
	}
	addr, err := net.ResolveTCPAddr("tcp", net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), "4222")))
	if err != nil {
		return p, err
	}
	ap := addr.AddrPort()
	p.addr = netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
	return p, ctx.Err()
}
