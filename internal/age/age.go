// Package age keeps things in the order in which they came, oldest first. What is kept has its place in itself, so
// that coming and going allocate nothing and search nothing.
package age

// An Entry is one thing's place among others. It is part of the thing, and stays where it is in memory.
type Entry[T any] struct {
	of           *T
	older, newer *Entry[T]
}

// Of is the thing, nil where there is none.
func (e *Entry[T]) Of() *T {
	if e == nil {
		return nil
	}
	return e.of
}

// Newer is the next entry that came after e, or nil.
func (e *Entry[T]) Newer() *Entry[T] { return e.newer }

// A List is entries by age.
type List[T any] struct{ oldest, newest *Entry[T] }

// Oldest is the entry that came first, or nil.
func (l *List[T]) Oldest() *Entry[T] { return l.oldest }

// Add puts the entry of a thing, which is on no list, behind all others.
func (l *List[T]) Add(e *Entry[T], of *T) {
	e.of, e.older, e.newer = of, l.newest, nil
	if l.newest != nil {
		l.newest.newer = e
	} else {
		l.oldest = e
	}
	l.newest = e
}

// Remove takes out an entry of the list.
func (l *List[T]) Remove(e *Entry[T]) {
	if e.older != nil {
		e.older.newer = e.newer
	} else {
		l.oldest = e.newer
	}
	if e.newer != nil {
		e.newer.older = e.older
	} else {
		l.newest = e.older
	}
	*e = Entry[T]{}
}
