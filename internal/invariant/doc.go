// Package invariant holds the checks that run only under the invariants build
// tag: the same names in both builds, empty in the ordinary one. A call whose
// arguments cost something stands behind `if invariant.Enabled`.
package invariant
