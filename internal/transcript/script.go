package transcript

// The file format: text in, steps out. doc.go describes it for authors.

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Options are the server options a script asks for, by the names of
// OptionNames, with their values as written.
type Options map[string]string

// ConfigOption is the option whose value is a configuration file, in one line of JSON.
const ConfigOption = "config"

// OptionNames are the options a script may ask for. Each but ConfigOption is the name of a
// flag of gnatsd-ev and means what nats-server's option of that name means.
func OptionNames() []string {
	return []string{
		"user", "pass", "auth", ConfigOption, "max_connections", "max_control_line", "max_payload", "max_pending", "max_subscription_tokens",
		"max_subscriptions", "ping_interval", "ping_max", "write_deadline",
	}
}

// A Script is one transcript. It does not change once it is read, so any
// number of goroutines may play it.
type Script struct {
	// Name is the file's name without directory and extension.
	Name string
	// Options are what the server must be started with.
	Options Options
	// Deviation says why gnatsd-ev answers otherwise than nats-server does
	// here; empty for a script that holds for both.
	Deviation string
	// Cuts says how nats-server's answers depend on the way the bytes are
	// cut; empty for a script it answers the same in every Mode.
	Cuts string

	lines []string // the file, for reports and for Record
	steps []step
}

// A step is one line that does something.
type step struct {
	at     int // index into Script.lines
	verb   verb
	peers  []string
	reason string
	data   []byte        // what a send sends
	want   expectation   // what an expect expects
	pause  time.Duration // how long a sleep sleeps
}

type verb int

const (
	verbSend verb = iota
	verbExpect
	verbOpen
	verbSync
	verbHalfClose
	verbClose
	verbReset
	verbSleep
)

var steering = map[string]verb{
	"open": verbOpen, "sync": verbSync, "half-close": verbHalfClose,
	"close": verbClose, "reset": verbReset, "sleep": verbSleep,
}

var (
	peerName = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
	peerLine = regexp.MustCompile(`^([a-z][a-z0-9]*)(>>|>|<~|<)(?: (.*))?$`)
)

// ReadFile reads the transcript in a file.
func ReadFile(path string) (*Script, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	return Parse(name, string(text))
}

// Parse reads a transcript. Its errors name the line.
func Parse(name, text string) (*Script, error) {
	s := &Script{
		Name:    name,
		Options: Options{},
		lines:   strings.Split(strings.TrimRight(text, "\n"), "\n"),
	}
	var reason []string
	commenting := false
	for at, line := range s.lines {
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			if !commenting {
				reason = nil
			}
			reason = append(reason, strings.TrimSpace(comment))
			commenting = true
			continue
		}
		commenting = false
		var err error
		switch {
		case strings.TrimSpace(line) == "":
			reason = nil
		case strings.HasPrefix(line, "! "):
			err = s.setOption(line[len("! "):])
		default:
			err = s.addStep(at, line, strings.Join(reason, " "))
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, at+1, err)
		}
	}
	return s, nil
}

func (s *Script) setOption(text string) error {
	name, value, _ := strings.Cut(text, " ")
	value = strings.TrimSpace(value)
	if value == "" {
		return fmt.Errorf("option %s has no value", name)
	}
	switch name {
	case "deviation":
		s.Deviation = value
		return nil
	case "cuts":
		s.Cuts = value
		return nil
	}
	if !slices.Contains(OptionNames(), name) {
		return fmt.Errorf("unknown option %s; there are deviation, cuts, %s", name, strings.Join(OptionNames(), ", "))
	}
	s.Options[name] = value
	return nil
}

func (s *Script) addStep(at int, line, reason string) error {
	st, err := parseStep(line)
	if err != nil {
		return err
	}
	if st.verb == verbExpect && reason == "" {
		return fmt.Errorf("an expectation without a reason; put a comment above it, in its paragraph")
	}
	st.at, st.reason = at, reason
	s.steps = append(s.steps, st)
	return nil
}

func parseStep(line string) (step, error) {
	if m := peerLine.FindStringSubmatch(line); m != nil {
		return parsePeerStep(m[1], m[2], m[3])
	}
	word, rest, _ := strings.Cut(line, " ")
	v, ok := steering[word]
	if !ok {
		return step{}, fmt.Errorf("%q is neither a peer's line nor open, sync, half-close, close, reset, sleep", line)
	}
	if v == verbSleep {
		pause, err := time.ParseDuration(rest)
		return step{verb: v, pause: pause}, err
	}
	st := step{verb: v, peers: strings.Fields(rest)}
	if len(st.peers) == 0 {
		return step{}, fmt.Errorf("%s whom?", word)
	}
	for _, name := range st.peers {
		if !peerName.MatchString(name) {
			return step{}, fmt.Errorf("%q is no name of a peer", name)
		}
	}
	return st, nil
}

func parsePeerStep(peer, arrow, text string) (step, error) {
	st := step{peers: []string{peer}}
	var err error
	switch arrow {
	case "<", "<~":
		st.verb = verbExpect
		st.want, err = parseExpectation(text, arrow == "<~")
	case ">>":
		st.data, err = unescape(text)
	case ">":
		line, payload, carries := splitPayload(text)
		if st.data, err = unescape(line); err != nil {
			return st, err
		}
		st.data = append(st.data, "\r\n"...)
		if !carries {
			return st, nil
		}
		var body []byte
		body, err = unescape(payload)
		st.data = append(append(st.data, body...), "\r\n"...)
	}
	return st, err
}

// greets says whether the script itself expects the greeting of a peer: then
// its first step is the expectation of an INFO.
func (s *Script) greets(peer string) bool {
	for _, st := range s.steps {
		if slices.Contains(st.peers, peer) {
			return st.verb == verbExpect && (st.want.kind == expectInfo || st.want.kind == expectFill)
		}
	}
	return false
}

// Sent returns what each peer of the script sends, in the order in which they
// first do: seeds for fuzzers.
func (s *Script) Sent() [][]byte {
	at := make(map[string]int)
	var sent [][]byte
	for _, st := range s.steps {
		if st.verb != verbSend {
			continue
		}
		i, known := at[st.peers[0]]
		if !known {
			i = len(sent)
			at[st.peers[0]] = i
			sent = append(sent, nil)
		}
		sent[i] = append(sent[i], st.data...)
	}
	return sent
}

// SentIn is Sent of all scripts in a directory, but for streams of more than
// most bytes. It is an error if there are none.
func SentIn(directory string, most int) (streams [][]byte, err error) {
	paths, err := filepath.Glob(filepath.Join(directory, "*.wire"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		script, err := ReadFile(path)
		if err != nil {
			return nil, err
		}
		for _, sent := range script.Sent() {
			if len(sent) <= most {
				streams = append(streams, sent)
			}
		}
	}
	if len(streams) == 0 {
		return nil, fmt.Errorf("there are no transcripts in %s", directory)
	}
	return streams, nil
}
