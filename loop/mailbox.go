package loop

import "sync/atomic"

// Mail is anything one goroutine hands to a loop. Deliver runs on that loop, in
// the order of posting, whoever posted; it may run in the middle of another
// connection's visit, so it must not assume it begins a turn.
type Mail interface {
	Deliver(l *Loop)
}

// A Letter carries a Mail through a mailbox. Embed it in what is sent, so that
// sending allocates nothing; it is in one mailbox at a time.
type Letter struct {
	next *Letter
	mail Mail
}

// Address says what the letter delivers. Call it once, before it is first posted.
func (n *Letter) Address(m Mail) { n.mail = m }

// mailbox is a queue with many producers and one consumer: producers push on a
// stack, the consumer takes it whole and turns it around. One queue for
// everything, since with a queue a pair an effect could overtake its cause.
type mailbox struct {
	top atomic.Pointer[Letter]
}

func (b *mailbox) empty() bool { return b.top.Load() == nil }

// closed stands in the mailbox of a loop that has ended.
var closed = new(Letter)

// push reports false, and takes nothing, when the mailbox is closed.
func (b *mailbox) push(n *Letter) bool {
	for {
		top := b.top.Load()
		if top == closed {
			return false
		}
		n.next = top
		if b.top.CompareAndSwap(top, n) {
			return true
		}
	}
}

// take empties the mailbox and returns its letters, oldest first.
func (b *mailbox) take() *Letter { return inOrder(b.top.Swap(nil)) }

// close takes what came last.
func (b *mailbox) close() *Letter { return inOrder(b.top.Swap(closed)) }

// inOrder turns a stack of letters around.
func inOrder(n *Letter) (first *Letter) {
	for n != nil {
		next := n.next
		n.next = first
		first = n
		n = next
	}
	return first
}

// Post hands a letter to this loop and wakes it. It never waits, and reports false
// when the loop has ended and will not deliver it. Any goroutine.
func (l *Loop) Post(n *Letter) bool {
	if !l.mail.push(n) {
		return false
	}
	l.wake()
	return true
}

// PostTo hands a letter to another loop, which learns of it at the end of this
// loop's turn, and reports false when that loop has ended and will not deliver it.
// work says how much there is to do for it, in messages. Home loop only.
func (l *Loop) PostTo(target *Loop, n *Letter, work int) bool {
	l.AssertEntered()
	if !target.mail.push(n) {
		return false
	}
	if target == l {
		l.wantTurn = true
	} else {
		l.posted[target.id] += max(work, 1)
	}
	return true
}

// call is a Mail that runs a function.
type call struct {
	Letter
	f func(*Loop)
}

func (c *call) Deliver(l *Loop) { c.f(l) }

// Do runs f on the loop, soon, in the order of posting, and reports false when
// the loop has ended and will not. Any goroutine.
func (l *Loop) Do(f func(l *Loop)) bool {
	c := &call{f: f}
	c.Address(c)
	return l.Post(&c.Letter)
}
