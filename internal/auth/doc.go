// Package auth says who a client is and what it may do: Authority is built from the
// configuration once and never changes, so that any goroutine may ask it.
//
// Who: a Claim is what CONNECT said; Identify finds the user it names and what has to be
// compared. Comparing may take a tenth of a second (bcrypt) or a tenth of a millisecond
// (signatures): such a Check is Slow, and Helpers run it, never a loop. A check that fails takes as
// long whether its user exists or not.
//
// What: Permissions are trees of patterns. A loop asks them through its Verdicts, which remember.
package auth
