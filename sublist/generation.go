package sublist

import "sync/atomic"

// Generations say how long a cached result holds. A change of a pattern whose
// first token is ordinary can only concern subjects with the same first token,
// so it moves one counter of an array, chosen by that token's hash; a change of
// one that begins with a wildcard moves the counter all subjects share.
//
// A result is stored with its stamp: the sum of its counter and the shared one.
// Counters only grow, so equal sums mean that neither has moved. The order is
// what makes it safe:
//
//	reader                               writer
//	r1  stamp the subject                w1  change the trie
//	r2  walk the trie                    w2  move the counter
//	r3  store the result with r1's stamp w3  return from Set or Delete
//
// If w2 comes before r1, so does w1, and the walk sees the change. If w2 comes
// after r1, the stored stamp is older than the counter, whatever the walk saw,
// and the result is not used once w2 is done, which is before w3. So a Match
// that begins after a Set returned answers with that Set. Had the reader taken
// the stamp behind the walk, r2 w1 w2 r1 would store a stale result as fresh;
// had the writer moved the counter first, w2 r1 r2 w1 would.
type generations struct {
	wild  atomic.Uint64
	first [generationSlots]atomic.Uint64
}

// 2 KB an index; with 256 slots a token that churns takes one in 256 of the
// others with it.
const generationSlots = 256

func (g *generations) stamp(slot uint8) uint64 {
	return g.first[slot].Load() + g.wild.Load()
}
