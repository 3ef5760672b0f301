package chaos

import (
	"fmt"
	"sync"
)

// A Tally is what subscribers made of what they got.
type Tally struct {
	Members   int    `json:"members"`
	Ended     int    `json:"ended"`     // connections the broker has ended
	Delivered uint64 `json:"delivered"` // messages, good or not
	Gaps      uint64 `json:"gaps"`      // numbers that were jumped over
	Late      uint64 `json:"late"`      // numbers that came behind a higher one, or twice
	Altered   uint64 `json:"altered"`   // payloads that are not as they were made
	Foreign   uint64 `json:"foreign"`   // from a publisher that is nobody's business here
	Errors    uint64 `json:"errors"`    // -ERR lines
	LastError string `json:"last_error,omitempty"`
}

// Wrong is what must be zero whatever happens to others.
func (t Tally) Wrong() uint64 { return t.Gaps + t.Late + t.Altered + t.Foreign }

// String is the tally in a line.
func (t Tally) String() string {
	return fmt.Sprintf("%d members, %d ended, %d delivered, %d gaps, %d late, %d altered, %d foreign, %d errors %s",
		t.Members, t.Ended, t.Delivered, t.Gaps, t.Late, t.Altered, t.Foreign, t.Errors, t.LastError)
}

// A book is one publisher as one subscriber sees it: the number that is due next.
type book struct {
	publisher uint16
	open      bool   // the first number that comes is right
	first     uint64 // the number it began with
	next      uint64
	got       uint64
}

// enter notes a number.
func (b *book) enter(number uint64, t *Tally) {
	b.got++
	switch {
	case b.open:
		b.open, b.first = false, number
		b.next = number + 1
	case number == b.next:
		b.next++
	case number > b.next:
		t.Gaps += number - b.next
		b.next = number + 1
	default:
		t.Late++
	}
}

// A Ledger is which messages of a publisher the members of a queue group have
// had between them, and how often. Its lock guards all of it.
type Ledger struct {
	mu      sync.Mutex
	times   []uint8 // by number
	doubled uint64
}

func (l *Ledger) enter(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for uint64(len(l.times)) <= number {
		l.times = append(l.times, make([]uint8, 1+len(l.times))...)
	}
	if l.times[number] > 0 {
		l.doubled++
	}
	l.times[number]++
}

// Missing returns how many of the numbers from up to, not including, to nobody had.
func (l *Ledger) Missing(from, to uint64) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := uint64(0)
	for ; from < to; from++ {
		if from >= uint64(len(l.times)) || l.times[from] == 0 {
			n++
		}
	}
	return n
}

// Doubled returns how many messages came again.
func (l *Ledger) Doubled() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubled
}
