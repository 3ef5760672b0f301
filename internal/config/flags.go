package config

import (
	"errors"
	"fmt"
	"strings"
)

// An Action is what the command line asks for.
type Action uint8

// The actions.
const (
	Serve       Action = iota // run the broker
	ShowVersion               // print the version and exit
	ShowHelp                  // print Help and exit
	SendSignal                // send Options.Signal to a broker that runs, and exit
	ShowTLSHelp               // print HelpTLS and exit
	TestConfig                // say that the configuration file is valid and exit
	ShowConfig                // print Settings.Show and exit
)

// The exit codes for errors of Read.
const (
	exitRefused = 1 // understood, but refused
	exitUsage   = 2 // not understood
)

// usageError is a command line that cannot be understood.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

// ExitCode returns the exit code for an error of Read: 2 when the command
// line was not understood, 1 when something in it is refused.
func ExitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	return exitRefused
}

// A draft is options being read.
type draft struct {
	*Options
	help, version bool
	helpTLS       bool
	test          bool              // -t was given
	empty         bool              // the file says nothing
	bindGiven     bool              // -a or -p was given, or what says the same in the file
	traceVerbose  bool              // the file asks for it
	origins       map[string]origin // of options that were set, by the names of their keys
	refused       []string
	tls           choice // --tls
	tlsGiven      bool   // any other flag of TLS, or the block
	tlsBroken     bool   // the block cannot be read

	// Flags that set several options; they count after all others, in this
	// order, as in nats-server.
	debugTrace, debugVerboseTrace, verboseTrace choice
}

// A choice is a boolean that may not have been given.
type choice uint8

const (
	unset choice = iota
	no
	yes
)

func parseChoice(s string) (choice, error) {
	b, err := parseBool(s)
	switch {
	case err != nil:
		return unset, err
	case b:
		return yes, nil
	}
	return no, nil
}

// ParseFlags is Read for those who need no more than the options.
func ParseFlags(args []string) (*Options, Action, error) {
	s, err := Read(args)
	if err != nil {
		return nil, Serve, err
	}
	return s.Options, s.Action, nil
}

// parse reads flags up to the first argument that is none and returns the
// rest, as Go's flags do.
func (d *draft) parse(args []string) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		if len(arg) < 2 || arg[0] != '-' {
			return args, nil
		}
		args = args[1:]
		if arg == "--" {
			return args, nil
		}
		typed, value, valued := strings.Cut(arg, "=")
		name := strings.ReplaceAll(strings.TrimPrefix(typed[1:], "-"), "-", "_")
		f, known := byName[name]
		if !known {
			return nil, unknownFlag(typed, name)
		}
		switch {
		case valued:
		case f.value == "":
			value = "true"
		case len(args) == 0:
			return nil, usageError{fmt.Sprintf("%s needs a value: %s <%s>", typed, typed, f.value)}
		default:
			value, args = args[0], args[1:]
		}
		if err := f.set(d, value); err != nil {
			return nil, badValue(typed, value, err)
		}
		d.flagged(f, typed)
	}
	return nil, nil
}

// badValue names the flag, the value and what is allowed.
func badValue(typed, value string, err error) error {
	text := fmt.Sprintf("%s %q: %v", typed, value, err)
	if _, ok := errors.AsType[malformed](err); ok {
		return usageError{text}
	}
	return errors.New(text)
}

// unknownFlag says which flag may have been meant.
func unknownFlag(typed, name string) error {
	hint := ""
	if near := nearest(name, knownNames); near != "" {
		hint = fmt.Sprintf("; did you mean %s?", dashed(near))
	}
	return usageError{fmt.Sprintf("unknown flag %q%s (--help lists all flags)", typed, hint)}
}

// dashed writes a flag's name as people type it: -p, -sl, -DVV, --addr.
func dashed(name string) string {
	if len(name) <= 2 || name == strings.ToUpper(name) {
		return "-" + name
	}
	return "--" + name
}

// action finds out what is asked for. A command after the flags is one of
// nats-server's two; the version goes before the help, as there.
func (d *draft) action(rest []string) (Action, error) {
	switch {
	case d.version:
		return ShowVersion, nil
	case d.help:
		return ShowHelp, nil
	case len(rest) == 0 && d.Signal != nil:
		return SendSignal, nil
	case d.helpTLS:
		return ShowTLSHelp, nil
	case len(rest) == 0:
		return Serve, nil
	}
	switch strings.ToLower(rest[0]) {
	case "config":
		return Serve, errors.New("unrecognized command: \"config\" (config show prints the options in force)")
	case "version":
		return ShowVersion, nil
	case "help":
		return ShowHelp, nil
	case "true", "false":
		return Serve, fmt.Errorf("unrecognized command: %q (a boolean takes its value with =, as in -T=%s)", rest[0], rest[0])
	}
	return Serve, fmt.Errorf("unrecognized command: %q", rest[0])
}

// settle applies what depends on other options.
func (d *draft) settle() {
	d.Authorization.require()
	if d.debugTrace != unset {
		d.Trace, d.Debug = d.debugTrace == yes, d.debugTrace == yes
	}
	if d.debugVerboseTrace != unset {
		on := d.debugVerboseTrace == yes
		d.Trace, d.Debug, d.TraceVerbose = on, on, on
	}
	if d.verboseTrace != unset {
		d.Trace, d.TraceVerbose = d.verboseTrace == yes, d.verboseTrace == yes
	}
	// Who names listeners wants no other one open to the world beside them.
	if !d.bindGiven && len(d.Listen) > 0 {
		d.Host, d.Port, _ = splitAddress(d.Listen[0])
		d.Listen = d.Listen[1:]
		d.origins["host"], d.origins["port"] = d.origins[listenOption], d.origins[listenOption]
	}
	for i, a := range d.Listen {
		host, port, _ := splitAddress(a)
		d.Listen[i] = joinAddress(host, port)
	}
}
