// Package sublist is an index of subjects: which values were set for the
// subjects, literal or with wildcards, that a published subject matches. It is
// generic, knows subjects and nothing else, and is made for many readers that
// must not wait and one writer at a time.
//
// # What is promised
//
// A reader never locks, never waits and never allocates. It sees every change
// whose Set or Delete returned before it began, and may or may not see those
// under way. There are no snapshots of the whole: no reader needs two subjects
// in one instant, and giving that up is what lets a write touch only the one
// place it changes. Values that were returned stay as they are; the index never
// writes through a *T.
//
// # Literals
//
// A literal subject is looked up by its hash in a table (table.go,
// directory.go) and never enters the trie or a cache. The table is extendible
// hashing: pages of at most 378 items found through a directory by the leading
// bits of the hash. An insert writes one slot and one word of tags in a page; a
// full page is split in two. There is no moment at which everything is copied,
// so the millionth insert costs what the thousandth did but for the memory being
// farther away, and the longest pause is a page split (tens of microseconds)
// plus, once every time the table doubles, a copy of the directory: 32 to 64 KB
// at a million entries, 0.1 to 0.2 ms on a busy machine.
//
// A group of slots is one cache line: seven pointers and their tags. A look-up
// touches the group, the item (24 bytes: key, length, 32 bits of hash, value)
// and the key's bytes, which it compares once. A literal costs about 40 bytes
// beyond the bytes of its subject and its value.
//
// # Patterns
//
// Subjects with wildcards form a trie of tokens (trie.go). A node does not hold
// its children: the edges of all nodes are items of one more such table, keyed
// by (node, token). So a node with a million children is nothing special, one
// with a single child pays for no container, and a change touches only the
// nodes on its own way. `*` and a final `>` are fields of the node. What becomes
// empty is unlinked, up to the root.
//
// A match goes through the trie level by level and holds the set of nodes that
// the tokens so far lead to. The trie being a tree, no node is reached twice:
// the work is bounded by the count of stored pattern prefixes that match a
// prefix of the subject, which patterns like `*.*.*` cannot multiply. There is
// no bound on the count of tokens.
//
// # The cache
//
// A Matcher remembers, for a bounded set of subjects, what the patterns gave. It
// is not told about changes; generation.go says how it finds out, and why a
// result that a finished Set or Delete has made wrong is never used.
//
// # Hashing
//
// All hashes are hash/maphash with a seed drawn per index, so that no peer can
// choose subjects that collide. If hashes did collide, a page would grow instead
// of being split, and everything would still be correct, only slow.
package sublist
