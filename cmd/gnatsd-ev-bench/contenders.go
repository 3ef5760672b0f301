package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"gnatsd-ev/bench"
)

// The brokers comparisons know, and how each is started. All listen on loopback
// and keep nothing on disk; beyond that they run as they come, except where a
// default would drop messages or refuse connections under the load.

// listen is what every broker that takes nats-server's flags is started with.
var listen = []string{"-a", "127.0.0.1", "-p", "{port}"}

// profile makes a broker serve net/http/pprof, for rows that count heap objects.
var profile = []string{"--profile", "{profile}"}

// monitor makes our broker serve /varz, for rows about its loops and its collector.
var monitor = []string{"--http_port", "{monitor}"}

// redisFlags keep nothing on disk, let subscribers be as far behind as they are (by
// default they are cut at 32 MB, or after a minute at 8 MB), and let as many
// connect as there are descriptors, from all of 127.0.0.0/8: its protected mode knows 127.0.0.1
// alone. It stays on the one thread it uses by default.
var redisFlags = []string{"--port", "{port}", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--maxclients", "20000", "--protected-mode", "no",
	"--tcp-backlog", "4096", "--client-output-buffer-limit", "normal 0 0 0 pubsub 0 0 0"}

// mosquittoConfig bounds no queue (by default messages are dropped from the
// thousandth that waits), keeps nothing, logs no connections and publishes no
// figures of its own. Small packets leave at once, as the others' do.
const mosquittoConfig = `listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_queued_bytes 0
max_inflight_messages 0
set_tcp_nodelay true
sys_interval 0
connection_messages false
log_type error
`

// mosquittoBeyond are tasks in which it left a publisher's PINGREQ unanswered for twenty
// seconds, in every round.
var mosquittoBeyond = []string{"burst-15000", "fan-10000"}

// A known is a broker that comparisons can start.
type known struct {
	name    string
	program string // looked for beside this program and on the PATH
	install string // how to come by it
	make    func(path string) bench.Contender
}

var brokers = []known{
	{"ours", "gnatsd-ev", "make build", func(path string) bench.Contender {
		return bench.Contender{Command: slices.Concat([]string{path}, listen), Profile: profile, Monitor: monitor}
	}},
	{"nats", "nats-server", "go install github.com/nats-io/nats-server/v2@v2.15.2", func(path string) bench.Contender {
		return bench.Contender{Command: slices.Concat([]string{path}, listen), Profile: profile}
	}},
	{"redis", "redis-server", "apt-get install redis-server", func(path string) bench.Contender {
		return bench.Contender{Protocol: "redis", Command: slices.Concat([]string{path}, redisFlags)}
	}},
	{"mosquitto", "mosquitto", "apt-get install mosquitto", func(path string) bench.Contender {
		return bench.Contender{Protocol: "mqtt", Command: []string{path, "-c", "{config}"}, Config: mosquittoConfig, Ask: []string{path, "-h"},
			Beyond: mosquittoBeyond}
	}},
	{"floor", "gnatsd-ev-bench", "make build", func(path string) bench.Contender {
		return bench.Contender{
			Command: slices.Concat([]string{path, "floor"}, listen), Ask: []string{path, "floor", "--version"},
			Scenarios: bench.FloorScenarios,
		}
	}},
}

// A finder knows where brokers' programs are.
type finder struct{ paths map[string]*string }

// flags declares one for each broker: its path.
func (f *finder) flags(fs *flag.FlagSet) {
	f.paths = map[string]*string{}
	for _, b := range brokers {
		f.paths[b.name] = fs.String(b.name, "", fmt.Sprintf("`path` of %s; by default beside this program or on the PATH", b.program))
	}
}

// contenders makes the named ones in their order, and variants of ours behind ours. What is
// not installed is left out with a word on errs.
func (f *finder) contenders(chosen []string, variants []string, errs io.Writer) ([]bench.Contender, error) {
	var all []bench.Contender
	for _, name := range chosen {
		i := slices.IndexFunc(brokers, func(b known) bool { return b.name == name })
		if i < 0 {
			var can []string
			for _, b := range brokers {
				can = append(can, b.name)
			}
			return nil, fmt.Errorf("--contenders: no broker %q in %s", name, strings.Join(can, ","))
		}
		b := brokers[i]
		path, err := look(b.program, *f.paths[name])
		if err != nil {
			fmt.Fprintf(errs, "%s is left out: %v; to install: %s\n", name, err, b.install)
			continue
		}
		who := b.make(path)
		who.Name = name
		all = append(all, who)
		if name != "ours" {
			continue
		}
		for _, v := range variants {
			again, err := variant(who, chosen, v)
			if err != nil {
				return nil, err
			}
			all = append(all, again)
		}
	}
	if len(all) == 0 {
		return nil, errors.New("--contenders: none of them is installed")
	}
	return all, nil
}

// variant is a broker with further flags, in some tasks if it names them.
func variant(who bench.Contender, chosen []string, text string) (bench.Contender, error) {
	label, flags, ok := strings.Cut(text, "=")
	label, list, some := strings.Cut(label, "@")
	if !ok || label == "" || slices.Contains(chosen, label) || strings.ContainsAny(label, "/.<>") {
		return who, fmt.Errorf("--variant %q is not NAME=FLAGS or NAME@TASKS=FLAGS with a new name", text)
	}
	if some {
		who.Tasks = strings.Split(list, ",")
	}
	who.Name, who.Command = label, slices.Concat(who.Command, strings.Fields(flags))
	return who, nil
}

// look finds a program: where the flag says, beside this one, or on the PATH.
func look(program, path string) (string, error) {
	if path != "" {
		return exec.LookPath(path)
	}
	if self, err := os.Executable(); err == nil {
		if beside, err := exec.LookPath(filepath.Join(filepath.Dir(self), program)); err == nil {
			return beside, nil
		}
	}
	return exec.LookPath(program)
}
