package bench

import (
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"gnatsd-ev/loop"
)

// Latency of deliveries: from the time a message was due, and from the time it
// was sent. A publisher that is held up sends late, and by the second measure
// what waited meanwhile did not wait: that is coordinated omission.

const (
	// latencyMax is the longest latency a histogram tells from longer ones.
	latencyMax = int64(100 * time.Second)

	// latencyDigits is how exact a histogram is.
	latencyDigits = 3

	// samplesMax is how many latencies a second all loops together record; of
	// more deliveries they record one in some.
	samplesMax = 500_000
)

// newHistogram is an empty histogram of nanoseconds.
func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, latencyMax, latencyDigits)
}

// record adds a value; one outside the range counts as its end.
func record(h *hdrhistogram.Histogram, ns int64) {
	_ = h.RecordValue(min(max(ns, 0), latencyMax)) // cannot fail within the range
}

// A recorder is the latencies one loop has seen. Its loop only.
type recorder struct {
	corrected, uncorrected *hdrhistogram.Histogram

	every  uint32 // one in every deliveries is recorded
	skip   uint32 // deliveries until the next one
	random *rand.Rand
	readAt int64 // when the bytes at hand were read, 0 until somebody asks
}

func newRecorder(every int) *recorder {
	return &recorder{
		corrected: newHistogram(), uncorrected: newHistogram(),
		every: uint32(every), random: rand.New(rand.NewPCG(sizesSeed, uint64(every))),
	}
}

// arrived says that bytes have been read whose time nobody has asked for yet.
func (r *recorder) arrived() {
	if r != nil {
		r.readAt = 0
	}
}

// note records the latency of one delivery, or skips it. The gaps are random, so
// that it is not always the same subscribers whose latency counts.
func (r *recorder) note(payload []byte) {
	if r.skip > 0 {
		r.skip--
		return
	}
	if len(payload) < timesBytes {
		return
	}
	if r.every > 1 {
		r.skip = r.random.Uint32N(2*r.every - 1)
	}
	if r.readAt == 0 {
		r.readAt = monotonic()
	}
	record(r.corrected, r.readAt-int64(order.Uint64(payload)))
	record(r.uncorrected, r.readAt-int64(order.Uint64(payload[8:])))
}

// measure makes the loops of a fleet record latencies from now on, of one in some
// of deliveries a second, and of none of what came before.
func (r *run) measure(f *fleet, deliveries int) {
	r.sampling = max(1, (deliveries+samplesMax-1)/samplesMax)
	for _, h := range f.hosts {
		done := make(chan struct{})
		h.l.Do(func(*loop.Loop) {
			h.latency = newRecorder(r.sampling)
			close(done)
		})
		<-done
	}
	for _, c := range r.composers {
		if c.lag != nil && c.host.fleet == f {
			done := make(chan struct{})
			c.host.l.Do(func(*loop.Loop) {
				c.lag.Reset()
				close(done)
			})
			<-done
		}
	}
}

// latencies merges what the loops of a fleet have recorded since measure.
func (r *run) latencies(f *fleet) (d Distribution) {
	d.Every, d.corrected, d.uncorrected = r.sampling, newHistogram(), newHistogram()
	for _, h := range f.hosts {
		done := make(chan struct{})
		h.l.Do(func(*loop.Loop) {
			if h.latency != nil {
				d.corrected.Merge(h.latency.corrected)
				d.uncorrected.Merge(h.latency.uncorrected)
			}
			close(done)
		})
		<-done
	}
	return d
}

// unsent is how many messages the publishers of a fleet left unsent, though due.
func (r *run) unsent(f *fleet) (n int64) {
	for _, c := range r.composers {
		if c.pace == nil || c.host.fleet != f {
			continue
		}
		done := make(chan struct{})
		c.host.l.Do(func(*loop.Loop) {
			n += c.unsent
			close(done)
		})
		<-done
	}
	return n
}

// lag merges how late the publishers of a fleet were by their own doing.
func (r *run) lag(f *fleet) *hdrhistogram.Histogram {
	all := newHistogram()
	for _, c := range r.composers {
		if c.lag == nil || c.host.fleet != f {
			continue
		}
		done := make(chan struct{})
		c.host.l.Do(func(*loop.Loop) {
			all.Merge(c.lag)
			close(done)
		})
		<-done
	}
	return all
}
