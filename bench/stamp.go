package bench

import (
	"encoding/binary"
	"hash/crc32"
	"math"

	"gnatsd-ev/loop"
)

// Stamps. The head of a payload says when the message was due and when it was
// sent, and, for verification, which one it is:
//
//	payload[0:8]    when it was due, in nanoseconds of our clock
//	payload[8:16]   when it was handed to the socket
//	payload[16:24]  its number in its stream, from 0
//	payload[24:28]  its stream
//	payload[28:32]  CRC-32C of everything else
//
// One process sends and receives, so there is one clock and no skew.
const (
	timesBytes = 16
	stampBytes = 32
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	order      = binary.LittleEndian
	kernel     = loop.System()
)

// monotonic is the time of the loops, monotonic.
func monotonic() int64 { return kernel.Now() }

// A stream numbers the messages of one publisher to one set of subscribers.
type stream struct {
	id   uint32
	sent uint64
}

// stampTimes writes when a message was due and when it is sent.
func stampTimes(payload []byte, due, now int64) {
	order.PutUint64(payload, uint64(due))
	order.PutUint64(payload[8:], uint64(now))
}

// stampNumber writes which message it is and seals the payload.
func stampNumber(payload []byte, s *stream) {
	order.PutUint64(payload[16:], s.sent)
	order.PutUint32(payload[24:], s.id)
	order.PutUint32(payload[28:], seal(payload))
	s.sent++
}

// seal is the checksum of a stamped payload.
func seal(payload []byte) uint32 {
	sum := crc32.Update(0, castagnoli, payload[:28])
	return crc32.Update(sum, castagnoli, payload[stampBytes:])
}

// unstamp returns which message a payload is; ok is false if it is not what was sent.
func unstamp(payload []byte) (stream uint32, number uint64, ok bool) {
	if len(payload) < stampBytes || order.Uint32(payload[28:]) != seal(payload) {
		return 0, 0, false
	}
	number = order.Uint64(payload[16:])
	return order.Uint32(payload[24:]), number, number < math.MaxInt64
}

// A form is what the payloads of one publisher are like. Its loop only.
type form struct {
	sizes    picker
	times    bool // they say when they were due and sent
	numbered bool // and which they are
	buf      []byte
}

// newForm makes the form the load asks for; with a rate, times count.
func (r *run) newForm(rate int) *form {
	f := &form{sizes: newPicker(r.load.Size, r.load.Mix, r.sizeMin()), times: rate > 0 || r.load.Stamp, numbered: r.load.Verify}
	f.buf = filler(f.sizes.max())
	return f
}

// sizeMin is what a payload must hold for its stamp.
func (r *run) sizeMin() int {
	switch {
	case r.load.Verify:
		return stampBytes
	case r.timed():
		return timesBytes
	}
	return 0
}

// next is the next payload of a stream; it is valid until the next call.
func (f *form) next(s *stream, due, now int64) []byte {
	payload := f.buf[:f.sizes.next()]
	if len(payload) >= timesBytes && (f.times || f.numbered) {
		stampTimes(payload, due, now)
	}
	if f.numbered {
		stampNumber(payload, s)
	}
	return payload
}
