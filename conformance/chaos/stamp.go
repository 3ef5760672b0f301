package chaos

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// A payload begins with
//
//	publisher uint16 | number uint48 | length uint32 | checksum uint32
//
// and, where it is long enough, the time it was made. The checksum is of all
// that is not itself. The rest are bytes that depend on the number.
const (
	// StampSize is the size of the smallest payload that can be verified.
	StampSize = 16
	timeAt    = 16
	timeEnd   = 24
)

var table = crc32.MakeTable(crc32.Castagnoli)

// began is the origin of the times in payloads; they mean something to this
// process only.
var began = time.Now()

// noise is what payloads are filled with, from a place that depends on the number.
var noise = func() []byte {
	b := make([]byte, 2<<20)
	x := uint32(2463534242)
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return b
}()

// appendPayload appends a stamped payload of size bytes, at least StampSize, to dst.
func appendPayload(dst []byte, publisher uint16, number uint64, size int) []byte {
	size = max(size, StampSize)
	from := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(publisher)<<48|number)
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = append(dst, 0, 0, 0, 0)
	if size >= timeEnd {
		dst = binary.BigEndian.AppendUint64(dst, uint64(time.Since(began)))
	}
	if rest := size - (len(dst) - from); rest > 0 {
		offset := int(number % uint64(len(noise)-rest))
		dst = append(dst, noise[offset:offset+rest]...)
	}
	binary.BigEndian.PutUint32(dst[from+12:], checksum(dst[from:]))
	return dst
}

func checksum(payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(payload[:12], table), table, payload[StampSize:])
}

// A stamp is what a payload says of itself. at is 0 where it does not say.
type stamp struct {
	publisher uint16
	number    uint64
	at        time.Duration
}

// readStamp reports false for a payload that is not as it was made.
func readStamp(payload []byte) (stamp, bool) {
	if len(payload) < StampSize ||
		int(binary.BigEndian.Uint32(payload[8:])) != len(payload) ||
		binary.BigEndian.Uint32(payload[12:]) != checksum(payload) {
		return stamp{}, false
	}
	head := binary.BigEndian.Uint64(payload)
	s := stamp{publisher: uint16(head >> 48), number: head & (1<<48 - 1)}
	if len(payload) >= timeEnd {
		s.at = time.Duration(binary.BigEndian.Uint64(payload[timeAt:]))
	}
	return s, true
}
