package bench

import (
	"flag"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LoadFlags declares the flags of a scenario's load; the result holds its
// defaults until fs has parsed.
func LoadFlags(fs *flag.FlagSet, s Scenario) *Load {
	load := s.Defaults
	has := func(name string) bool { return slices.Contains(s.Flags, name) }
	for _, f := range [...]struct {
		name string
		to   *int
		help string
	}{
		{"conns", &load.Conns, "connections on the many side"},
		{"pairs", &load.Pairs, "publishers with one subscriber each"},
		{"perconn", &load.PerConn, "subscriptions each connection makes"},
		{"rate", &load.Rate, s.rateHelp()},
		{"window", &load.Window, s.windowHelp()},
		{"clients", &load.Clients, "1 or 2 connections, one request at a time; 0 measures every case"},
		{"conn-rate", &load.ConnRate, "connections opened a `second`; 0 is as fast as it goes"},
		{"share", &load.Share, "`percent` of the subscribers that stop reading"},
		{"readers", &load.Readers, "loops of the generator that read"},
	} {
		if has(f.name) {
			fs.IntVar(f.to, f.name, *f.to, f.help)
		}
	}
	if has("size") {
		fs.Var(sizesFlag{&load}, "size", "payload `bytes`, or sizes by weight: 16:50,1k:45,64k:5")
	}
	fs.Var(bindFlag{&load}, "bind", "source `addresses`, used in turn: 127.0.0.2-9, or a comma list")
	if has("beside") {
		fs.StringVar(&load.Beside, "beside", "", "one of "+strings.Join(Sides, ", ")+"; all by default")
	}
	if has("wild") {
		fs.BoolVar(&load.Wild, "wild", false, "subscribe to patterns with a star before the last word")
	}
	if has("verify") {
		fs.BoolVar(&load.Verify, "verify", false, "number and seal every payload: what is lost, doubled, reordered or altered fails the run")
	}
	if has("warmup") {
		fs.DurationVar(&load.Warmup, "warmup", load.Warmup, "load that is not measured")
	}
	for _, f := range [...]struct {
		name string
		to   *time.Duration
		help string
	}{
		{"ramp", &load.Ramp, "open connections evenly within this time, unless --conn-rate says how fast"},
		{"duration", &load.Duration, "load that is measured; of conn: at least how long it takes, by holding longer"},
		{"settle", &load.Settle, "pause before memory is read"},
		{"hold", &load.Hold, "how long connections then stay idle, or do not read"},
	} {
		if has(f.name) {
			fs.DurationVar(f.to, f.name, *f.to, f.help)
		}
	}
	if has("file") {
		fs.Func("file", "`file` of stages; see below", func(name string) error {
			text, err := os.ReadFile(name)
			if err == nil {
				load.Stages, err = ParseStages(string(text))
			}
			return err
		})
	}
	return &load
}

// windowHelp says what a scenario's window is.
func (s Scenario) windowHelp() string {
	if s.Name == "reqrep" {
		return "`requests` on their way as fast as it goes, between two connections; 0 is one at a time"
	}
	return "`messages` a subscriber may be behind at full speed"
}

// rateHelp says what a scenario's rate is.
func (s Scenario) rateHelp() string {
	switch s.Name {
	case "quiet":
		return "PINGs a second"
	case "handshakes":
		return "messages a second of the plain client"
	case "churn":
		return "cycles a second, due whether the broker keeps up or not; 0 goes as fast as it can"
	case "soak":
		return "messages a second to every subscriber"
	case "storm":
		return "messages a second from one publisher to one subscriber beside the storm; their latencies are reported"
	}
	return "messages a second in all, due whether the broker keeps up or not: latencies are reported; 0 publishes at full speed"
}

// sizesFlag sets a load's sizes.
type sizesFlag struct{ load *Load }

// String is what Set reads.
func (f sizesFlag) String() string {
	if f.load == nil {
		return ""
	}
	if len(f.load.Mix) > 0 {
		return f.load.Mix.String()
	}
	return strconv.Itoa(f.load.Size)
}

// Set reads sizes.
func (f sizesFlag) Set(text string) (err error) {
	f.load.Size, f.load.Mix, err = ParseSizes(text)
	return err
}
