package config

import (
	"fmt"
	"strings"
)

// A refusal is flags of nats-server that we know and do not honour yet. To
// ignore them would start something else than what was asked for: an auth
// flag must never start an open broker.
type refusal struct {
	flags []string // names, each with a trailing = if it takes a value
	why   string
	cure  string
}

var refusals = []refusal{
	{[]string{"ms=", "https_port="}, "TLS is not supported for monitoring yet, and what is monitored must not go in the clear", "use --http_port behind a TLS proxy"},
	{[]string{"js", "jetstream", "sd=", "store_dir="}, "JetStream is not supported by an edge broker", "run it on a nats-server hub"},
	{[]string{"routes=", "cluster=", "cluster_listen=", "cluster_name=", "cluster_advertise=", "no_advertise", "connect_retries="},
		"clusters are not supported by an edge broker", "run them on nats-server hubs"},
}

// refuse returns the flag that stands for a refused name. It never shows the
// value, which may be a password.
func (r *refusal) refuse(name string) flag {
	name, valued := strings.CutSuffix(name, "=")
	f := flag{names: []string{name}, set: func(d *draft, _ string) error {
		d.refused = append(d.refused, fmt.Sprintf("%s: %s; %s", dashed(name), r.why, r.cure))
		return nil
	}}
	if valued {
		f.value = "value"
	}
	return f
}

// byName finds each flag by each of its names; knownNames are its keys in the
// order of the help.
var byName, knownNames = index()

func index() (map[string]flag, []string) {
	flags := make(map[string]flag)
	var names []string
	add := func(name string, f flag) {
		if _, twice := flags[name]; twice {
			panic("config: two flags are named " + name)
		}
		flags[name] = f
		names = append(names, name)
	}
	for _, g := range groups {
		for _, f := range g.flags {
			for _, name := range f.names {
				add(name, f)
			}
		}
	}
	for i := range refusals {
		for _, name := range refusals[i].flags {
			f := refusals[i].refuse(name)
			add(f.names[0], f)
		}
	}
	return flags, names
}
