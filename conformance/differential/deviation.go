package differential

// The deviations that scripts can reach. Each id is a row of
// docs/compatibility.md, which has the reason.

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats-server/v2/server"

	"gnatsd-ev/internal/proto"
)

// A deviation is an operation of a client that gnatsd-ev answers otherwise.
type deviation struct {
	id string
	// instead returns the bytes that nats-server answers as gnatsd-ev answers b,
	// nil if the operation at the start of b is no case of the deviation. op and
	// v are what readOperation made of b. length is how much of b they stand for.
	instead func(s *stream, b []byte, op *operation, v verdict) (bytes []byte, length int)
}

// Bytes that nats-server always answers in the same way.
var (
	unknownOperation = []byte("X")             // -ERR 'Unknown Protocol Operation', closed
	badArguments     = []byte("PUB 1 2 3 4\n") // closed without a word
	harmless         = []byte("INFO {}\n")     // no answer
)

// deviations in the order in which they are looked for.
var deviations = []deviation{
	{"hm", hm}, {"blanks", blanks}, {"lf-ends", lfEnds}, {"bare-cr", bareCR}, {"bare-cr", jsonCR}, {"form-feed", formFeed}, {"connect-fields", connectFields},
	{"err-rest", errRest}, {"zeros", zeros}, {deviationPedantic, pedantic}, {"auth-second-connect", secondConnect},
}

// Deviations about what servers send, which outcome.go knows.
const (
	deviationInfo     = "info"      // fields of INFO
	deviationInbox    = "inbox"     // which of several inboxes gets a 503
	deviationPassed   = "passed-on" // a queue message or request whose takers are no more
	deviationPedantic = "pedantic"  // nats-server may repeat an Invalid Publish Subject
)

// hm: HM may begin no operation.
func hm(_ *stream, b []byte, _ *operation, _ verdict) ([]byte, int) {
	if len(b) < 2 || !strings.EqualFold(string(b[:2]), "HM") {
		return nil, 0
	}
	return unknownOperation, len(b)
}

// blanks: those in front of arguments, and what stands behind PING, PONG and +OK,
// are bounded as arguments are.
func blanks(s *stream, b []byte, op *operation, _ verdict) ([]byte, int) {
	skipped := op.blanks
	if op.verb == "PING" || op.verb == "PONG" || op.verb == "+OK" {
		skipped = len(op.line)
	}
	if skipped <= s.limits.controlLine {
		return nil, 0
	}
	return append(append([]byte("SUB "), bytes.Repeat([]byte("x"), s.limits.controlLine+1)...), '\n'), len(b)
}

// lfEnds: an LF behind the verb and its blanks ends the line.
func lfEnds(_ *stream, b []byte, op *operation, _ verdict) ([]byte, int) {
	at := len(op.verb) + op.blanks
	if !op.lineEnd || b[at] != '\n' {
		return nil, 0
	}
	return badArguments, len(b)
}

// bareCR: a CR that does not end the line makes these operations unknown.
func bareCR(_ *stream, b []byte, op *operation, _ verdict) ([]byte, int) {
	switch op.verb {
	case "PUB", "HPUB", "SUB", "UNSUB":
		if op.lineEnd && op.fields != nil && bytes.IndexByte(op.line, '\r') >= 0 {
			return unknownOperation, len(b)
		}
	}
	return nil, 0
}

// jsonCR: it is white space between the values of CONNECT and INFO, as JSON has it.
func jsonCR(_ *stream, b []byte, op *operation, v verdict) ([]byte, int) {
	if op.verb != "CONNECT" && op.verb != "INFO" || v != whole || bytes.IndexByte(op.line, '\r') < 0 {
		return nil, 0
	}
	if !json.Valid(op.line) {
		return badArguments, len(b)
	}
	return fmt.Appendf(nil, "%s %s\n", op.verb, bytes.ReplaceAll(op.line, []byte("\r"), []byte(" "))), op.length
}

// formFeed: it is white space, so a SUB's subject must not hold it.
func formFeed(s *stream, b []byte, op *operation, v verdict) ([]byte, int) {
	if op.verb != "SUB" || v != whole || !strings.Contains(op.fields[0], "\f") || len(op.fields) == 3 && op.fields[1] == "_sys_" {
		return nil, 0
	}
	tokens := strings.Split(op.fields[0], ".")
	if s.limits.tokens > 0 && len(tokens) > s.limits.tokens {
		return nil, 0 // refused by both, for that
	}
	tokens[len(tokens)-1] = ""
	invalid := strings.Join(tokens, ".")
	if invalid == "" {
		invalid = "."
	}
	return []byte(strings.Join(append([]string{"SUB", invalid}, op.fields[1:]...), " ") + "\r\n"), op.length
}

// connectFields: fields of CONNECT and INFO that do not concern clients may hold
// anything.
func connectFields(_ *stream, b []byte, op *operation, v verdict) ([]byte, int) {
	if v != whole {
		return nil, 0
	}
	switch op.verb {
	case "INFO":
		var theirs server.Info
		var ours proto.Info
		if json.Unmarshal(op.line, &theirs) != nil && json.Unmarshal(op.line, &ours) == nil {
			return harmless, op.length
		}
	case "CONNECT":
		var theirs server.ClientOpts
		if json.Unmarshal(op.line, &theirs) == nil {
			return nil, 0
		}
		var fields map[string]json.RawMessage
		if json.Unmarshal(op.line, &fields) != nil {
			return nil, 0
		}
		for name := range fields {
			if strings.EqualFold(name, "import") || strings.EqualFold(name, "export") || strings.EqualFold(name, "remote_account") {
				delete(fields, name)
			}
		}
		stripped, err := json.Marshal(fields)
		if err != nil || json.Unmarshal(stripped, &theirs) != nil {
			return nil, 0
		}
		return append(append([]byte("CONNECT "), stripped...), '\n'), op.length
	}
	return nil, 0
}

// errRest: what stands behind a client's -ERR is not carried out, wherever the
// bytes were cut.
func errRest(_ *stream, b []byte, op *operation, _ verdict) ([]byte, int) {
	length := bytes.IndexByte(b, '\n') + 1
	if op.verb != "-ERR" || !op.lineEnd || length == len(b) {
		return nil, 0
	}
	return b[:length], len(b)
}

// zeros: sizes are delivered as numbers are written, not as the publisher wrote
// them.
func zeros(_ *stream, b []byte, op *operation, v verdict) ([]byte, int) {
	if v != whole || !op.sized {
		return nil, 0
	}
	fields := slices.Clone(op.fields)
	sizes := fields[len(fields)-1:]
	if op.verb == "HPUB" {
		sizes = fields[len(fields)-2:]
	}
	for i := range sizes {
		sizes[i] = strconv.Itoa(readSize(sizes[i]))
	}
	if slices.Equal(fields, op.fields) {
		return nil, 0
	}
	return fmt.Appendf(nil, "%s %s\r\n%s\r\n", op.verb, strings.Join(fields, " "), op.payload), op.length
}

// pedantic: that the subject of a publication is none is said once, when the
// message is there. nats-server says it when the line is there, and again if the
// payload comes in another read; so it gets the operation in one piece, and its
// repeats are skipped.
func pedantic(s *stream, b []byte, op *operation, v verdict) ([]byte, int) {
	switch {
	case !s.wrongSubject(op) || v == partial:
		return nil, 0
	case v == fatal: // no CRLF behind the payload
		return unknownOperation, len(b)
	}
	return b[:op.length], op.length
}

// wrongSubject says whether a pedantic client publishes to what is no subject.
func (s *stream) wrongSubject(op *operation) bool {
	return op.sized && s.opts.Pedantic && !server.IsValidLiteralSubject(op.fields[0])
}

// secondConnect: credentials of a further CONNECT are all there are, and a nonce is signed once; nats-server gets those of the
// first one blanked out, or no signature.
func secondConnect(s *stream, _ []byte, op *operation, v verdict) ([]byte, int) {
	if s.realm == nil || s.unproven || op.verb != "CONNECT" || v != whole {
		return nil, 0
	}
	opts := s.opts
	if who := s.realm.anonymous; s.nameless && who != nil {
		opts.Username, opts.Password = who.name, who.password
		if who.key != nil {
			opts.Username, opts.Password, opts.Nkey = "", "", who.name
		}
	}
	if json.Unmarshal(op.line, &opts) != nil {
		return nil, 0
	}
	alone := claimsOf(op.line)
	merged := claims{opts.Username, opts.Password, opts.Token, opts.Nkey, opts.Sig}
	again := alone.nkey != "" && s.realm.keys && s.realm.admits(alone, true) && !s.realm.admits(alone, false)
	if !alone.named() || merged == alone && !again {
		return nil, 0
	}
	_, rest, _ := bytes.Cut(op.line, []byte("{"))
	rest = bytes.TrimSpace(rest)
	if again {
		rest = append(rest[:len(rest)-1:len(rest)-1], `,"sig":""}`...)
	}
	return fmt.Appendf(nil, "CONNECT {\"user\":\"\",\"pass\":\"\",\"auth_token\":\"\",\"nkey\":\"\",\"sig\":\"\",%s\n", rest), op.length
}
