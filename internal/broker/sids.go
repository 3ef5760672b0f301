package broker

import "strconv"

// sids is a session's subscriptions by the peer's sid. Most sessions have a
// few: a list is searched; beyond that a map is kept beside it.
type sids struct {
	list []*subscription
	byID map[string]int32 // index in list
}

// sidsScanned is up to how many subscriptions are searched one by one.
const sidsScanned = 8

func (t *sids) count() int { return len(t.list) }

func (t *sids) get(sid []byte) *subscription {
	if t.byID != nil {
		if i, ok := t.byID[string(sid)]; ok {
			return t.list[i]
		}
		return nil
	}
	for _, sub := range t.list {
		if sub.sid == string(sid) {
			return sub
		}
	}
	return nil
}

func (t *sids) put(sub *subscription) {
	t.list = append(t.list, sub)
	if t.byID != nil {
		t.byID[sub.sid] = int32(len(t.list) - 1)
	} else if len(t.list) > sidsScanned {
		t.byID = make(map[string]int32, 2*len(t.list))
		for i, sub := range t.list {
			t.byID[sub.sid] = int32(i)
		}
	}
}

// take removes sub and reports whether it was there.
func (t *sids) take(sub *subscription) bool {
	i := t.index(sub)
	if i < 0 {
		return false
	}
	last := len(t.list) - 1
	moved := t.list[last]
	t.list[i], t.list[last] = moved, nil
	t.list = t.list[:last]
	if t.byID != nil {
		t.byID[moved.sid] = int32(i)
		delete(t.byID, sub.sid)
		if last == 0 {
			t.byID, t.list = nil, nil
		}
	}
	return true
}

func (t *sids) index(sub *subscription) int {
	if t.byID != nil {
		if i, ok := t.byID[sub.sid]; ok && t.list[i] == sub {
			return int(i)
		}
		return -1
	}
	for i, s := range t.list {
		if s == sub {
			return i
		}
	}
	return -1
}

// smallSIDs are the sids nearly every client uses, stored once.
var smallSIDs = func() (all [4096]string) {
	for i := range all {
		all[i] = strconv.Itoa(i)
	}
	return all
}()

// sidString returns sid as a string, shared if it is a small number.
func sidString(sid []byte) string {
	if len(sid) > 4 || len(sid) == 0 || sid[0] == '0' {
		return string(sid)
	}
	n := 0
	for _, c := range sid {
		if c < '0' || c > '9' {
			return string(sid)
		}
		n = n*10 + int(c-'0')
	}
	if n < len(smallSIDs) {
		return smallSIDs[n]
	}
	return string(sid)
}
