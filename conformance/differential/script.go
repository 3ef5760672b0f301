package differential

import (
	"math/rand/v2"
	"slices"

	"gnatsd-ev/internal/transcript"
)

// A Class says which servers a script is for.
type Class int

const (
	// Ordinary scripts share servers with default limits. All their
	// subjects begin with the script's own token.
	Ordinary Class = iota
	// Limited scripts share servers with small limits.
	Limited
	// Alone is for scripts that subscribe to the subjects of others: one at a
	// time on servers of their own.
	Alone
	// Guarded scripts have servers whose clients must say who they are: the realm of their seed.
	Guarded

	classCount
)

// Options are the options of the servers of a class.
func (c Class) Options() transcript.Options {
	if c != Limited {
		return transcript.Options{}
	}
	return transcript.Options{
		"max_control_line": "512", "max_payload": "2048", "max_subscriptions": "10", "max_subscription_tokens": "5",
	}
}

// limits are what a stream must know of the options.
func (c Class) limits() limits {
	if c == Limited {
		return limits{controlLine: 512, payload: 2048, tokens: 5}
	}
	return limits{controlLine: 4096, payload: 1 << 20}
}

// A Script is what a few connections do, step by step.
type Script struct {
	// Seed is what it was generated from, for reports.
	Seed uint64
	// Class says which servers it is for.
	Class Class
	// Steps are done one after the other.
	Steps []Step
}

// A Step is one thing that one connection does, or several publish at once.
type Step struct {
	kind  kind
	sends []send // of kindSend one, of kindVolley several
	peer  int    // of the other kinds
}

type kind int

const (
	kindSend      kind = iota
	kindVolley         // several connections publish without waiting for each other
	kindHalfClose      // end our direction and read to the end
	kindClose          // end both
	kindReset          // end both with RST
)

// A send is bytes of one connection. Connections are numbered from 0 and open
// when they first occur.
type send struct {
	peer int
	data []byte
	cut  cut
}

// A cut says how bytes are cut into writes.
type cut struct {
	mode  cutMode
	seed  uint64
	pause bool // a little, so that the server is likely to read each write by itself
}

type cutMode int

const (
	cutWhole cutMode = iota
	cutBytes
	cutRandom
	cutEqual // in pieces of seed bytes
)

// cutRandomMax is the longest random write.
const cutRandomMax = 24

// pieces returns data in the pieces it is written in.
func (c cut) pieces(data []byte) [][]byte {
	random := rand.New(rand.NewPCG(c.seed, 1))
	var all [][]byte
	for len(data) > 0 {
		n := len(data)
		switch c.mode {
		case cutBytes:
			n = 1
		case cutRandom:
			n = 1 + random.IntN(max(cutRandomMax, len(data)/16))
		case cutEqual:
			n = int(c.seed)
		}
		n = min(n, len(data))
		all, data = append(all, data[:n]), data[n:]
	}
	return all
}

// realm is the configuration of a Guarded script's servers, nil for the others.
func (s *Script) realm() *realm {
	if s.Class != Guarded {
		return nil
	}
	return realmOf(s.Seed / realmSeeds)
}

// options are what the script's servers are started with.
func (s *Script) options() transcript.Options {
	if r := s.realm(); r != nil {
		return transcript.Options{transcript.ConfigOption: r.config}
	}
	return s.Class.Options()
}

// clone returns a copy that can be cut down without touching s.
func (s *Script) clone() *Script {
	c := *s
	c.Steps = slices.Clone(s.Steps)
	for i := range c.Steps {
		c.Steps[i].sends = slices.Clone(c.Steps[i].sends)
	}
	return &c
}

// peers returns how many connections the script has.
func (s *Script) peers() int {
	count := 0
	for _, st := range s.Steps {
		if st.kind != kindSend && st.kind != kindVolley {
			count = max(count, st.peer+1)
		}
		for _, sd := range st.sends {
			count = max(count, sd.peer+1)
		}
	}
	return count
}
