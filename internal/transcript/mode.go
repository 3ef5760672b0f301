package transcript

// How the bytes of a script are cut into writes: no cut may change an answer.

import (
	"fmt"
	"math/rand/v2"
)

// A Mode says how the bytes a script sends are cut into writes. It keeps no
// state: any number of plays may share it.
type Mode struct {
	name string
	cuts func(total int) func(from int) int // for one send: the length of the write at from
}

// String names the mode, with its seed, as tests name their parts.
func (m Mode) String() string { return m.name }

// Whole joins the consecutive lines of one peer and writes them at once.
func Whole() Mode {
	return Mode{"whole", func(total int) func(int) int {
		return func(int) int { return total }
	}}
}

const (
	singleHead = 4608 // bytes written one by one; more than the longest control line
	singleTail = 16   // and so are those around the end, where the CRLF is
	largeChunk = 4093 // between them; a prime, so that cuts fall everywhere
)

// ByteByByte writes every byte by itself, but the inside of a big payload in
// chunks.
func ByteByByte() Mode {
	return Mode{"bytes", func(total int) func(int) int {
		return func(from int) int {
			if from < singleHead || from >= total-singleTail {
				return 1
			}
			return min(largeChunk, total-singleTail-from)
		}
	}}
}

// cutMax is the longest write of RandomCuts for sends that are not big.
const cutMax = 48

// RandomCuts cuts at random; equal seeds cut equally.
func RandomCuts(seed uint64) Mode {
	return Mode{fmt.Sprintf("cuts-%d", seed), func(total int) func(int) int {
		random := rand.New(rand.NewPCG(seed, uint64(total)))
		longest := max(cutMax, total/64)
		return func(int) int { return 1 + random.IntN(longest) }
	}}
}
