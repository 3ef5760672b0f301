package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Settings are what the command line and the file it names come to.
type Settings struct {
	Options *Options
	Action  Action

	// Remarks are lines about what is valid but odd, for the log.
	Remarks []string

	// Empty says that there is a file, and nothing in it.
	Empty bool

	// Report is what a test of the configuration says.
	Report string

	origins map[string]origin
}

// An origin is where an option was set; the zero value is nowhere, by default.
type origin struct {
	flag string // as it was typed
	at   place  // in a file
	key  string // as it is written there
}

func (o origin) String() string {
	switch {
	case o.flag != "":
		return "flag " + o.flag
	case o.at.line > 0:
		return printable(o.at.short())
	}
	return "default"
}

// listenOption is the name of the option of further listeners.
const listenOption = eventLoops + ".listen"

// invalid is a configuration that cannot be started: all there is to say, in lines.
type invalid struct{ text string }

func (e invalid) Error() string { return e.text }

// Read reads the arguments of the program, without its name, and the file they name. Flags:
// one dash or two, "-flag value" or "-flag=value" (for booleans only this), underscores or
// dashes in names, all the same; they win over the file. The error is for the user, in
// one or more lines; ExitCode says how to exit with it.
func Read(args []string) (*Settings, error) {
	flags := newDraft()
	args, action, err := flags.command(args)
	if err != nil {
		return nil, err
	}
	if action == ShowVersion || action == ShowHelp || action == ShowTLSHelp {
		return &Settings{Action: action}, nil
	}
	if action == SendSignal {
		return &Settings{Options: flags.Options, Action: action}, nil
	}
	if len(flags.refused) > 0 {
		return nil, errors.New(strings.Join(flags.refused, "\n"))
	}
	if flags.test && flags.ConfigFile == "" {
		return nil, errors.New("must specify [-c, --config] option to check configuration file syntax")
	}
	d, said := newDraft(), new(complaints)
	if flags.ConfigFile != "" {
		if err := (&reader{complaints: said, draft: d}).readFile(flags.ConfigFile); err != nil {
			return nil, err
		}
	}
	d.overrule(args)
	d.settle()
	d.ConfigFile = flags.ConfigFile
	if err := d.settleTLS(); err != nil {
		said.add(d.placeOf(tlsBlock), wrong, "%v", err)
	}
	d.check(said)
	said.sort(d.ConfigFile)
	return d.settings(said, action)
}

func newDraft() *draft {
	return &draft{Options: Default(), origins: make(map[string]origin)}
}

// command reads flags and finds out what is asked for. It returns the flags alone.
func (d *draft) command(args []string) ([]string, Action, error) {
	rest, err := d.parse(args)
	if err != nil {
		return nil, Serve, err
	}
	flags := args[:len(args)-len(rest)]
	show := len(rest) >= 2 && rest[0] == "config" && rest[1] == "show"
	if show {
		flags = append(slices.Clone(flags), rest[2:]...)
		if rest, err = d.parse(rest[2:]); err != nil {
			return nil, Serve, err
		}
		flags = flags[:len(flags)-len(rest)]
	}
	action, err := d.action(rest)
	switch {
	case err != nil || action != Serve:
	case show:
		action = ShowConfig
	case d.test:
		action = TestConfig
	}
	return flags, action, err
}

// overrule reads the flags over what the file said. They were read without a complaint before.
func (d *draft) overrule(flags []string) {
	listen, bound, from := d.Listen, d.bindGiven, d.origins[listenOption]
	d.Listen, d.bindGiven = nil, false
	if d.traceVerbose {
		d.Trace = true
		d.came("trace", d.origins["trace_verbose"])
	}
	d.parse(flags)
	if len(d.Listen) == 0 { // flags name no listeners, so those of the file stay
		d.Listen, d.bindGiven = listen, bound || d.bindGiven
		d.came(listenOption, from)
	}
}

// came remembers where an option was set.
func (d *draft) came(option string, from origin) { d.origins[option] = from }

// flagged remembers that a flag has set what it sets.
func (d *draft) flagged(f flag, typed string) {
	name := f.names[len(f.names)-1]
	for _, k := range keys {
		if slices.Contains(strings.Fields(k.flags), name) {
			d.came(k.name(""), origin{flag: typed})
		}
	}
	if slices.ContainsFunc(authorizationFlags, func(a flag) bool { return slices.Contains(a.names, name) }) {
		d.came("authorization", origin{flag: typed})
	}
	if name == "tls" {
		d.came(tlsBlock, origin{flag: typed})
	}
	for block, all := range map[string][]key{eventLoops: eventLoopKeys, tlsBlock: tlsKeys} {
		for _, k := range all {
			if k.flags == name {
				d.came(k.name(block), origin{flag: typed})
			}
		}
	}
}

// check finds what does not fit together, and what is odd.
func (d *draft) check(said *complaints) {
	if err := d.Check(); err != nil && said.count(wrong) == 0 {
		m, _ := errors.AsType[misfit](err)
		said.add(d.placeOf(strings.Fields(m.keys)...), wrong, "%v", err)
	}
	if d.origins["authorization"].flag != "" && plainPasswords(&d.Authorization) {
		said.add(place{}, remarked, "%s", plaintext)
	}
	if host := d.MonitorHost(); d.HTTPPort != 0 && (host == "" || host == "0.0.0.0" || host == "::") {
		said.add(d.placeOf("http_port"), remarked, "the monitor answers whoever reaches this machine, on any of its addresses: http: \"127.0.0.1:%d\" in a file keeps it here", d.HTTPPort)
	}
}

// placeOf is where the first of these options that the file sets stands there. If flags and defaults
// are all there is, it is the file as a whole.
func (d *draft) placeOf(names ...string) place {
	for _, name := range names {
		if at := d.origins[name].at; at.line > 0 {
			return at
		}
	}
	return place{file: d.ConfigFile}
}

// settings is the result of a reading, or the error if something is wrong.
func (d *draft) settings(said *complaints, action Action) (*Settings, error) {
	s := &Settings{Options: d.Options, Action: action, Empty: d.empty, origins: d.origins}
	fatal := said.count(wrong) > 0 || action == TestConfig && said.count(warned) > 0
	if fatal && d.ConfigFile == "" {
		return nil, errors.New(said.list[0].text)
	}
	if fatal {
		return nil, invalid{fmt.Sprintf("configuration file %s is not valid: %s\n%s", d.ConfigFile, said.summary(), strings.TrimSuffix(said.text(), "\n"))}
	}
	s.Remarks = said.lines()
	s.Report = said.text() + fmt.Sprintf("gnatsd-ev: configuration file %s is valid (%s)\n", d.ConfigFile, d.ConfigDigest)
	return s, nil
}

// summary counts complaints in words.
func (c *complaints) summary() string {
	var parts []string
	for _, g := range []struct {
		gravity
		one string
	}{{wrong, "error"}, {warned, "warning"}, {remarked, "note"}} {
		if n := c.count(g.gravity); n == 1 {
			parts = append(parts, "1 "+g.one)
		} else if n > 1 {
			parts = append(parts, fmt.Sprintf("%d %ss", n, g.one))
		}
	}
	return strings.Join(parts, ", ")
}
