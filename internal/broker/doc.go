// Package broker is what the words of the protocol mean: sessions,
// subscriptions, and the way of a message from its publisher to its
// subscribers.
//
//	Receive -> parse -> apply -> match -> fan out -> deliver          (session, publish, fanout, deliver)
//	                                          \-> post ~> deliver     (parcel, on another loop)
//
// Each loop has a shard: its sessions, and for each account a table of its own
// subscribers by subject. The account's index, shared by all loops, says only
// which loops care about a subject. A loop answers for itself from its own
// table, which is always current, and asks the index about the others.
//
// Files by what they are about: session.go (a peer), connect.go, publish.go,
// subscribe.go (the operations), table.go (who subscribes here), account.go and
// commit.go (what other loops know of it), fanout.go, queue.go, parcel.go,
// deliver.go (the way of a message), pressure.go (slow readers, busy loops),
// shard.go and broker.go (what holds it together), trace.go (log lines).
package broker
