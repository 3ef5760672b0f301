package broker

// Match. Runs on the publisher's loop and on those of its subscribers.
// in: a message    out: the topics it reaches here, the interests of all loops
//
// Who publishes much publishes to one subject many times on end: what the message
// before has matched is used again as long as nothing was set or deleted since.

// matched says what a shard's topics and interests are the result of.
type matched struct {
	table   *table
	subject []byte // a copy, its room is reused
	own     uint64 // changes of the table's topics before they were looked at
	index   uint64 // and of the account's index
	both    bool   // interests were looked for as well
}

// rematchMax is how often the interests of others are looked for anew because some changed meanwhile: a group that is
// handed to a pattern already looked at by one not looked at yet would be on neither.
const rematchMax = 3

// match finds what a message reaches: the topics of this loop, and with others the
// interests of all. They stay until the next call.
func (sh *shard) match(m *message, others bool) {
	t, last := m.account.on(sh), &sh.matched
	sh.loop.AssertEntered()
	own, index := t.topics.Changes(), uint64(0)
	if others {
		index = m.account.index.Changes()
	}
	if last.table == t && last.own == own && (!others || last.both && last.index == index) && string(last.subject) == string(m.subject) {
		return
	}
	sh.topics = t.match(sh.topics[:0], m.subject)
	sh.interests = sh.interests[:0]
	if others {
		sh.interests = t.others.Match(sh.interests, m.subject)
		for n := 0; n < rematchMax && m.account.index.Changes() != index; n++ {
			index = m.account.index.Changes()
			sh.interests = t.others.Match(sh.interests[:0], m.subject)
		}
	}
	*last = matched{table: t, subject: append(last.subject[:0], m.subject...), own: own, index: index, both: others}
}
