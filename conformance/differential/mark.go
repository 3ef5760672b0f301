package differential

// The mark: six bytes that stand in a script for a token of six letters which every
// play on a server chooses anew, so that plays on one server at one time do not
// meet, nor one and what is left of the one before.

import (
	"bytes"
	"strconv"
	"sync/atomic"
)

const (
	markFirst = 0xF0 // the mark is six bytes from this on; scripts have them for nothing else
	markLast  = markFirst + markSize - 1
	markSize  = 6
)

// mark is the mark as it stands in scripts.
const mark = "\xF0\xF1\xF2\xF3\xF4\xF5"

// printedMark is the mark in reports.
const printedMark = "script"

// plays counts the plays of this process.
var plays atomic.Uint64

// newToken returns what stands for the mark in one play. Nothing else in a script
// begins with Zq.
func newToken() string {
	digits := strconv.FormatUint(plays.Add(1)%(36*36*36*36), 36)
	return "Zq" + "0000"[len(digits):] + digits
}

// marked returns data with the bytes of the mark replaced by those of token: byte by
// byte, since a send may end within the mark.
func marked(data []byte, token string) []byte {
	out := bytes.Clone(data)
	for i, b := range out {
		if b >= markFirst && b <= markLast {
			out[i] = token[b-markFirst]
		}
	}
	return out
}

// unmark turns the token in what a server sent into the mark again.
func (f *frame) unmark(token string) {
	f.line = unmarkText(f.line, token)
	f.subject = unmarkText(f.subject, token)
	f.reply = unmarkText(f.reply, token)
	f.sid = unmarkText(f.sid, token)
	f.payload = bytes.ReplaceAll(f.payload, []byte(token), []byte(mark))
}

func unmarkText(text, token string) string {
	return string(bytes.ReplaceAll([]byte(text), []byte(token), []byte(mark)))
}

// marksWhole says whether the mark stands nowhere in part.
func (s *Script) marksWhole() bool {
	streams := make([][]byte, s.peers())
	for _, st := range s.Steps {
		for _, sd := range st.sends {
			streams[sd.peer] = append(streams[sd.peer], sd.data...)
		}
	}
	for _, b := range streams {
		rest := bytes.ReplaceAll(b, []byte(mark), nil)
		for _, c := range rest {
			if c >= markFirst && c <= markLast {
				return false
			}
		}
	}
	return true
}
