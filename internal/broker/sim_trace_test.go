//go:build invariants

package broker

import "fmt"

// The trace of a simulation: every call to the system and every word of a client. Its hash
// is always made, its text when somebody wants it.

func (s *sim) mixHash(x uint64) { s.hash = (s.hash ^ x) * 0x9E3779B97F4A7C15; s.hash ^= s.hash >> 29 }

// did notes a call to the system and what came of it.
func (s *sim) did(call string, fd, n int, err error) {
	s.mixHash(uint64(call[0])<<56 ^ uint64(call[1])<<48 ^ uint64(fd+1)<<32 ^ uint64(n)<<1)
	if err != nil {
		s.mixHash(uint64(len(err.Error())))
	}
	if s.verboseTrace == nil || call == "between" || call == "yield" {
		return
	}
	who := "nobody"
	if s.current != nil {
		who = s.current.name
	}
	text := ""
	if err != nil {
		text = " " + err.Error()
	}
	s.tracef("%-7s %s %d: %d%s", who, call, fd, n, text)
}

// trace notes what somebody does.
func (s *sim) trace(who string, number int, what string) {
	s.mixHash(uint64(number)<<8 | uint64(len(what)))
	if s.verboseTrace != nil {
		s.tracef("%-7s %d %s", who, number, what)
	}
}

func (s *sim) tracef(format string, args ...any) {
	s.verboseTrace(fmt.Sprintf("%6d %11.6f ", s.moments, float64(s.clock-1<<40)/1e9) + fmt.Sprintf(format, args...))
}
