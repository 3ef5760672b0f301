package bench

import "testing"

// lookedAt is a stamped payload, and what a subscriber looks into it with.
func lookedAt(size int) (*form, *stream, *recorder, *checker) {
	s := &stream{id: 7}
	f := &form{sizes: newPicker(size, nil, stampBytes), times: true, numbered: true}
	f.buf = filler(f.sizes.max())
	return f, s, newRecorder(3), newChecker(&tally{}, nil, []*stream{s})
}

func TestLookingAllocatesNothing(t *testing.T) {
	f, s, r, c := lookedAt(128)
	if n := testing.AllocsPerRun(100, func() {
		payload := f.next(s, 1000, 2000)
		r.arrived()
		r.note(payload)
		c.check(payload)
	}); n > 0 {
		t.Errorf("%v allocations a message", n)
	}
	if got := c.tally.good.Load(); got != s.sent {
		t.Errorf("%d of %d messages are right", got, s.sent)
	}
}

// Any bit of a payload that changes is found.
func TestEveryBitIsSealed(t *testing.T) {
	f, s, _, _ := lookedAt(40)
	payload := f.next(s, 1, 2)
	for bit := range 8 * len(payload) {
		payload[bit/8] ^= 1 << (bit % 8)
		if _, _, ok := unstamp(payload); ok {
			t.Errorf("bit %d was changed, and nobody saw", bit)
		}
		payload[bit/8] ^= 1 << (bit % 8)
	}
	if id, number, ok := unstamp(payload); !ok || id != 7 || number != 0 {
		t.Errorf("the payload is message %d of stream %d, %v", number, id, ok)
	}
	if _, _, ok := unstamp(payload[:stampBytes-1]); ok {
		t.Error("a payload too short for its stamp is taken for one")
	}
}

// What a checker says of an order in which numbers come.
func TestCheckerTellsMistakesApart(t *testing.T) {
	for _, c := range []struct {
		name    string
		numbers []uint64
		group   *ledger
		want    findings
	}{
		{"right", []uint64{0, 1, 2, 3}, nil, findings{good: 4}},
		{"lost", []uint64{0, 1, 3}, nil, findings{good: 3, lost: 1}},
		{"lost at the end", []uint64{0, 1, 2}, nil, findings{good: 3, lost: 1}},
		{"doubled", []uint64{0, 1, 1, 2, 3}, nil, findings{good: 4, doubled: 1}},
		{"reordered", []uint64{0, 2, 1, 3}, nil, findings{good: 4, reordered: 1}},
		{"reordered and doubled", []uint64{0, 2, 1, 1, 3}, nil, findings{good: 4, reordered: 1, doubled: 1}},
		{"of a group", []uint64{0, 1, 1, 3, 2}, &ledger{}, findings{good: 4, doubled: 1, reordered: 1}},
	} {
		f, _, _, k := lookedAt(40)
		k.group = c.group
		k.tally.due.Add(4)
		for _, n := range c.numbers {
			k.check(f.next(&stream{id: 7, sent: n}, 0, 0))
		}
		if got := k.tally.findings(); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		k.check(f.next(&stream{id: 8}, 0, 0))
		if got := k.tally.findings().misrouted; got != 1 {
			t.Errorf("%s: a message of a foreign stream counts %d times as misrouted", c.name, got)
		}
	}
}

func BenchmarkLook(b *testing.B) {
	f, s, r, c := lookedAt(128)
	for b.Loop() {
		payload := f.next(s, 1000, 2000)
		r.note(payload)
		c.check(payload)
	}
}
