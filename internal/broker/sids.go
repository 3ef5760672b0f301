package broker

import (
	"strconv"
	"unsafe"
)

// sids is a session's subscriptions by the peer's sid. Most sessions have one;
// some have a few, and a list is searched; beyond that a map is kept beside it.
type sids struct {
	one  *subscription // the only one, if there is no list
	many *sidList
}

type sidList struct {
	list []*subscription
	byID map[string]int32 // index in list, nil while the list is short
}

// sidsScanned is up to how many subscriptions are searched one by one.
const sidsScanned = 8

func (t *sids) count() int { return len(t.all()) }

// all returns the subscriptions; the slice ends with the next change.
func (t *sids) all() []*subscription {
	switch {
	case t.many != nil:
		return t.many.list
	case t.one != nil:
		return (*[1]*subscription)(unsafe.Pointer(&t.one))[:]
	}
	return nil
}

// last returns the one that is cheapest to take, or nil.
func (t *sids) last() *subscription {
	if all := t.all(); len(all) > 0 {
		return all[len(all)-1]
	}
	return nil
}

func (t *sids) get(sid []byte) *subscription {
	if t.many == nil {
		if t.one != nil && t.one.sid == string(sid) {
			return t.one
		}
		return nil
	}
	if t.many.byID != nil {
		if i, ok := t.many.byID[string(sid)]; ok {
			return t.many.list[i]
		}
		return nil
	}
	for _, sub := range t.many.list {
		if sub.sid == string(sid) {
			return sub
		}
	}
	return nil
}

func (t *sids) put(sub *subscription) {
	if t.many == nil {
		if t.one == nil {
			t.one = sub
			return
		}
		t.many = &sidList{list: []*subscription{t.one}}
		t.one = nil
	}
	m := t.many
	m.list = append(m.list, sub)
	if m.byID != nil {
		m.byID[sub.sid] = int32(len(m.list) - 1)
	} else if len(m.list) > sidsScanned {
		m.byID = make(map[string]int32, 2*len(m.list))
		for i, sub := range m.list {
			m.byID[sub.sid] = int32(i)
		}
	}
}

// take removes sub and reports whether it was there.
func (t *sids) take(sub *subscription) bool {
	m := t.many
	if m == nil {
		if t.one != sub {
			return false
		}
		t.one = nil
		return true
	}
	i := m.index(sub)
	if i < 0 {
		return false
	}
	last := len(m.list) - 1
	moved := m.list[last]
	m.list[i], m.list[last] = moved, nil
	m.list = m.list[:last]
	if m.byID != nil {
		m.byID[moved.sid] = int32(i)
		delete(m.byID, sub.sid)
	}
	if last == 0 {
		t.many = nil
	}
	return true
}

func (m *sidList) index(sub *subscription) int {
	if m.byID != nil {
		if i, ok := m.byID[sub.sid]; ok && m.list[i] == sub {
			return int(i)
		}
		return -1
	}
	for i, s := range m.list {
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
