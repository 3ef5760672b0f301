package broker

import (
	"gnatsd-ev/internal/config"
	"gnatsd-ev/internal/proto"
	"gnatsd-ev/loop"
)

// The memory budget, max_pending_total. The loops count, and say what must go; here
// stand its shares, and the words.

const (
	// unfinishedShare and guardedShare are the parts of the budget that unfinished input may take, of
	// all connections and of those that have not sent CONNECT.
	unfinishedShare = 4
	guardedShare    = 16

	// unfinishedMin is how many of the largest payloads may be on their way in any case: a
	// buffer that grows takes up to twice what is in it.
	unfinishedMin = 4

	// softShare is how much of the budget a reader has pending when its publisher is
	// held up while memory is short, softMin what it has at least.
	softShare = 8
	softMin   = 1 << 20

	// Blocks that are mostly unwanted may take an eighth of the budget.
	heldShare  = 8
	heldLeast  = 1 << 20
	heldAtMost = 32 << 20
)

// budgetOf is the budget and its shares.
func budgetOf(o *config.Options) loop.Budget {
	total := int(o.MaxPendingTotal)
	return loop.Budget{
		Total:      total,
		Unfinished: max(total/unfinishedShare, min(unfinishedMin*int(o.MaxPayload), total/2)),
		Guarded:    total / guardedShare,
	}
}

// heldMax is how much the blocks of a loop may take of which little is wanted.
func heldMax(b loop.Budget, loops int) int {
	if b.Total == 0 {
		return heldAtMost
	}
	return min(max(b.Total/heldShare/loops, heldLeast), heldAtMost)
}

// softLimits are the bytes pending from which a reader's publisher is held up: as a rule, and
// while memory is short.
func softLimits(o *config.Options) [2]int {
	soft := int(o.MaxPending / 4 * 3)
	return [2]int{soft, min(soft, max(int(o.MaxPendingTotal)/softShare, softMin))}
}

// heedMemory has publishers wait earlier while memory is short: for readers, and for other loops.
func (sh *shard) heedMemory() {
	sh.pendingSoft, sh.sharedWeight = sh.softLimits[0], sharedWeight
	if sh.loop.Tight() {
		sh.pendingSoft, sh.sharedWeight = sh.softLimits[1], 1
	}
}

// Reclaimed ends a session because all sessions together hold more than they may.
func (s *Session) Reclaimed(what loop.Claim, bytes int) {
	sh := s.shard
	total := sh.terms.options.MaxPendingTotal
	if what == loop.PendingOutput {
		s.reason = proto.SlowConsumerPendingBytes
		sh.counts[countSlowPending]++
		sh.log.Limited(infoLevel, "slow total", "%s - Slow Consumer Detected: MaxPending of %d Exceeded by the total of all, of which it had %d bytes", s, total, bytes)
		return
	}
	sh.counts[countUnfinished]++
	if s.has(handshaking) {
		sh.log.Limited(errorLevel, "unfinished", "%s - TLS handshake error: it is not over, and the total of all such is over its share of max_pending_total, %d", s, total)
		s.end(proto.TLSHandshakeError)
		return
	}
	sh.log.Limited(errorLevel, "unfinished", "%s - %s: %d bytes of input are no whole operation, and the total of all is over its share of max_pending_total, %d", s, proto.ErrUnfinished.Text, bytes, total)
	s.endWith(proto.ErrUnfinished, proto.Kicked)
}

// Held is how many bytes are held for slow readers and unfinished input. Any goroutine.
func (b *Broker) Held() int { return b.group.Held() }
